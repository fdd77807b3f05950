"""How often a model misses keywords and falsely alarms; how often phones and words are wrong."""
