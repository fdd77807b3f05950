"""The one exception that stands for a user's mistake."""


class InputError(Exception):
    """A user's mistake, told in one line: place, value, rule and remedy.

    Library code raises it; the command line prints its text on standard error and exits with 2.
    """
