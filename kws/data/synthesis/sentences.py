"""Ordinary speech: sentences as people say and read them, and patterns that make many more.

Everything here was written for this project. Lower case, letters and commas only, so that every
word is a token of the transcript.
"""

from __future__ import annotations

_SENTENCES = """
the old clock in the hall stopped at noon
we walked along the river until it grew dark
she put the letters back into the drawer
nobody knew where the path would lead us
a cold wind blew from the northern hills
the children were playing behind the barn
he opened the window to let in some air
there was no milk left in the fridge this morning
my brother works in a bakery near the station
the train to the coast leaves at a quarter past nine
they painted the kitchen walls a pale yellow
i have never seen so many stars in one night
please put your shoes outside the door
the dog slept on the warm stones all afternoon
can you hear the church bells from your house
it rained for three days without a break
the farmer drove his cattle across the bridge
her grandmother told stories about the war
you should wear a thick coat in december
the soup needs a little more salt and pepper
we could not find a single seat on the bus
a grey cat watched us from the garden wall
the teacher asked them to close their books
i will meet you in front of the museum
his boots were covered with mud and leaves
the library is open until seven on thursdays
what time does the concert begin tonight
the apples from that tree are rather sour
somebody left an umbrella in the waiting room
the captain ordered his men to lower the sails
it takes two hours to drive to the mountains
the baby laughed when she saw the balloon
there is a small bakery on the corner
he promised to write as soon as he arrived
the fire had burned down to a few red coals
we bought fresh bread and a piece of cheese
the lake was frozen from shore to shore
did you remember to lock the back door
a loud noise woke everyone in the building
the painter mixed blue and white on his board
they have lived in this village for thirty years
turn left after the bridge and drive straight on
the nurse gave him a glass of warm water
i would like a cup of tea without sugar
the roof leaks whenever there is a storm
our neighbours are going away for the weekend
her voice was so quiet that i could hardly hear it
the bottle rolled off the table and broke
it was the first warm day of the year
the judge listened carefully to both sides
the market is full of people on saturdays
a ship appeared on the far horizon
he counted the money twice and smiled
the rope was too short to reach the ground
you will find the spoons in the upper drawer
the boys built a raft out of old planks
she has a meeting with the manager at ten
the road was blocked by a fallen tree
these flowers grow only near the sea
i forgot to bring my reading glasses
the doctor told her to rest for a week
there are nine chairs but only eight people
the moon rose slowly over the quiet fields
he learned to play the violin as a child
the shop sells paper, ink and coloured pencils
we saw a fox crossing the road last night
the engine made a strange noise and stopped
in summer they sleep with the windows open
the king had three daughters and no son
a heavy truck came slowly up the hill
the answer is written on the last page
my sister is allergic to nuts and eggs
they were tired but happy after the long walk
the mayor opened the new bridge on monday
the bird flew in circles above the tower
could you pass me the butter please
all the lights went out at the same time
she folded the map and put it in her bag
the tailor measured his arms and shoulders
nothing grows in the shade of that wall
the students waited outside the lecture hall
i think we took the wrong turn at the mill
he carried two buckets of water to the stable
the museum has a large collection of coins
it would be better to leave before sunrise
the smell of coffee filled the whole house
a young man asked me the way to the harbour
the snow melted quickly in the morning sun
we need more wood for the stove
her new coat has large brass buttons
the play was longer than we had expected
they found an old map under the floor
the bank is closed for the holidays
the waiter brought the bill and two coins of change
grandfather kept bees behind the orchard
you can see three counties from the top of the hill
the ball went over the fence into the road
his answer surprised everybody in the room
the ferry crosses the bay every half hour
the carpet in the hall has to be cleaned
she reads the paper while she eats breakfast
there was a line of people outside the bakery
the lamp on my desk has a green shade
a little boy was crying near the fountain
we planted beans and carrots in april
the pilot said we would land ten minutes late
he likes to swim in the lake before work
the cook burned his hand on the hot pan
most of the houses here are built of stone
the price of oil went up again last month
the letter arrived two days after her birthday
do not touch the fence around the field
it is hard to sleep with so much noise
the river is deep and the water is cold
they danced until the musicians went home
my uncle repairs clocks and watches
the path through the forest was soft and wet
she wore a silver ring on her left hand
the goats climbed up the steep rocks
the meeting has been moved to friday morning
i hope the weather will be better tomorrow
the black horse won the race by a length
he asked for a room with a view of the sea
the ceiling of the chapel is painted blue and gold
we ran out of petrol just before the town
the guests arrived shortly after eight
the old woman fed the pigeons in the square
there is something wrong with the brakes
the fishermen mended their nets on the beach
she speaks four languages and plays the flute
the shelves are full of dust and old magazines
a narrow staircase leads up to the attic
the cake should stay in the oven for an hour
our train was late because of the fog
the soldiers marched through the empty streets
you need a permit to park on this street
he could not remember the name of the song
the water in the harbour was smooth as glass
they sell vegetables from their own garden
the phone rang but nobody answered it
i would rather walk than take the bus
the hotel was smaller than it looked in the picture
the wolf came closer and then turned away
her hands were cold so she put on gloves
the factory makes bicycles and garden tools
the road follows the coast for many miles
we sat on the steps and ate our sandwiches
the boy threw stones into the pond
the new teacher comes from a town in the south
there is a hole in the pocket of my jacket
the hunters returned with empty hands
it was raining when we left the theatre
a thin line of smoke rose from the chimney
the clerk stamped the form and gave it back
the tide comes in faster than you think
he has worked on the same farm all his life
the paint is still wet, do not lean on the door
they named the ship after their mother
the bread is cheaper on the other side of the street
she kept her promise and said nothing
the concert was cancelled because the singer was ill
a tall tree stood alone in the middle of the field
the engine needs oil and the tyres need air
i am looking for the key to the garden shed
we heard the owl calling from the woods
the guard asked to see our tickets
the soup was hot but the plates were cold
every evening he walks his dog around the block
the castle was built more than six hundred years ago
the tea has been standing there for an hour
there are only a few seats left for the evening show
the windows on the north side are very small
my mother grew up on an island in the west
the thief escaped through the kitchen window
the cows were standing in the shade of the oaks
she drew a circle and divided it into five parts
the mail usually comes before eleven
they were too late to catch the last boat
the bell rang and the pupils ran outside
a good carpenter always keeps his tools sharp
he put a coin into the machine and waited
the hills turn purple at the end of august
our cellar is dry even in winter
the secretary typed the report twice
there was a long silence after his question
the bus stops in front of the post office
we watched the clouds move across the valley
the miller sold his flour in the next town
the bridge is too weak for heavy lorries
she poured the milk into a blue jug
the swimming pool closes at the end of september
i read about it in a magazine at the dentist
the lion yawned and closed its eyes again
the boys were late because they had missed the tram
a strong smell of paint came from the upper floor
the children made a snowman with a carrot nose
he was born in a small house near the mill
the wine tasted of cherries and smoke
the judge gave the prize to the youngest rider
the ladder is behind the door of the garage
nobody has lived in that house since the flood
the grass was wet and so were our feet
you should ask somebody who knows the town
the guitar on the wall belonged to her father
the birds left early this year
we agreed to share the cost of the journey
the stairs creaked under his heavy steps
she found a coin from a country that no longer exists
the sailors told us about the islands of the south
the dentist said that i have to come again
it is cheaper to buy the tickets in advance
the village lies between two rivers
the orchestra played a march and two waltzes
he cut the rope with a small knife
the sun was low and our shadows were long
the chairs are stacked in the corner of the hall
the mountain can be seen from every window
a young couple moved into the flat above us
the pencil is too short to write with
we should have brought a torch
the goose chased him across the yard
the coffee machine in the office is broken again
the law was changed eleven years ago
her aunt sends her a parcel every christmas
the potatoes have to be peeled and boiled
the last bus leaves in fifteen minutes
he stood in the rain and waited for an answer
the river carried the boat out to sea
the walls are thick and keep the heat outside
there is a spider in the bathroom
the farmer paid them for each basket of pears
i was going to call you this afternoon
the cat jumped from the shelf onto the sofa
the queen waved to the crowd from her carriage
two of the eggs were broken
the workers laid the pipes under the road
the trumpet was louder than all the other instruments
we spent our holidays in a hut in the mountains
she waited for him at the foot of the stairs
the forest begins right behind the last houses
a piece of glass was stuck in the tyre
the school has a garden where they grow herbs
the storm tore several tiles from the roof
he was wearing a hat that was much too large
the doctor will see you in a few minutes
the town hall was built by an italian architect
the carriage stopped in front of the inn
she laughed so much that she had to sit down
the knife is sharp, please be careful
the stream runs dry in the middle of summer
we always have fish on fridays
the bookshop is on the second floor
the boy could whistle every tune he heard
the night was clear and very cold
the dress was made of dark green velvet
there are fresh towels in the cupboard
the museum is free on the first sunday of the month
his grandfather was a famous clock maker
the ship was carrying tea, silk and spices
the meeting took longer than anybody had planned
an old newspaper lay on the bench
the garden is full of roses and lavender
he explained the rules of the game again
the prisoner asked for paper and a pen
they built the new school next to the church
the coach was changing horses at the inn
the view from the tower was worth the climb
the news spread quickly through the whole town
i have three brothers and a younger sister
the ice was not thick enough to walk on
the soup kitchen is open every day at noon
the jury could not agree on a verdict
she has been looking for a new job since march
the jewels were hidden in a jar of rice
a few drops of rain fell on the dusty road
he computes the tax for all of his neighbours
the commuters crowded onto the platform
it is easier to break a habit than to change it
"""
SENTENCES: tuple[str, ...] = tuple(_SENTENCES.strip().splitlines())

_COMMANDS = """
turn on the light
turn off the lamp in the {room}
what time is it
set a timer for {number} minutes
play some music
play the next song
stop the music
turn the volume up
turn the volume down a little
what is the weather like in {town}
will it rain {day}
wake me up at {number} in the morning
call {person}
send a message to {person}
add {thing} to my shopping list
open the door
close the blinds in the {room}
how do you spell {thing}
tell me a joke
remind me to buy {thing}
remind me to call {person} {day}
how far is it to {town}
show me the way to {town}
start the washing machine
is the door of the {room} locked
make it warmer in the {room}
read me the news
what is on my calendar {day}
find a restaurant in {town}
how much is {number} times {number}
cancel the alarm
good morning
thank you very much
are you there
can you help me
"""
COMMANDS: tuple[str, ...] = tuple(_COMMANDS.strip().splitlines())

_ADDRESSES = """
{name} {command}
{name}, {command}
{name} please {action}
{name} can you {action} {day}
{name} is {quality}
hey {name}
hey {name} {command}
okay {name}, {command}
hello {name}
please tell {name} to wait
please tell the {name} to {action}
i asked {name} about the {thing}
we need a new {name} for the {room}
the {name} is in the {room}
{person} bought a {name} in {town}
have you seen the {name} that was in the {room}
my {name} is {quality}
then {person} said {name} and laughed
is this {name} {quality} or not
it was only the {name} again
{person} and the {name}
what does {name} mean
they talked about {name} the whole evening
the word is {name}
not {name} but {thing}
"""
ADDRESSES: tuple[str, ...] = tuple(_ADDRESSES.strip().splitlines())

_PATTERNS = """
{person} went to {town} {day}
the {quality} {thing} is in the {room}
{command}
{person} said that the {thing} was {quality}
there are {number} {quality} boxes in the {room}
did you see the {quality} {thing} in the {room}
i would like to {action} {day}
{person} has to {action} before {number}
we met {person} at the {place} in {town}
{number}, {number}, {number}, {number}
the {place} is closed {day}
why is the {thing} so {quality}
{person} and {person} want to {action}
it costs {number} pounds at the {place}
between {number} and {number} we usually {action}
nobody in {town} wanted to {action}
first we {action}, then we go to the {place}
the {place} in {town} has a {quality} {thing}
{day} i have to take the {thing} to the {place}
you should never {action} at the {place}
{person} lost a {thing} somewhere near the {place}
{topic} is something that {person} never talks about
they wrote a {quality} book about {topic}
{person} gave a talk about {topic} {day}
is there anything {quality} about {topic}
number {number} is {person}, and number {number} is {person}
"""
PATTERNS: tuple[str, ...] = tuple(_PATTERNS.strip().splitlines())

# slot: what can stand in it, with commas between
_SLOTS = {
    "room": (
        "kitchen, bathroom, bedroom, garage, hall, cellar, garden, office, attic, nursery, study, "
        "living room, dining room, corridor, workshop"
    ),
    "number": (
        "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, "
        "fifteen, twenty, twenty five, thirty, forty, fifty, sixty, eighty, ninety, a hundred"
    ),
    "town": (
        "london, paris, berlin, oxford, boston, chicago, dublin, sydney, vienna, madrid, toronto, "
        "york, lisbon, prague, denver, the capital, our village"
    ),
    "day": (
        "today, tomorrow, on monday, on tuesday, on wednesday, on thursday, on friday, on "
        "saturday, on sunday, next week, tonight, in the evening, after lunch, this afternoon"
    ),
    "person": (
        "anna, peter, martha, james, susan, george, alice, henry, julia, robert, jennifer, "
        "marcus, helen, victor, charles, margaret, jasper, my mother, my uncle, the doctor, the "
        "neighbour, our teacher, her brother, his cousin, the mayor, travis, doris, vivian"
    ),
    "thing": (
        "table, newspaper, bread, butter, bottle, letter, ladder, camera, bicycle, carpet, "
        "mirror, pencil, hammer, lamp, basket, blanket, kettle, guitar, notebook, pillow, "
        "suitcase, ticket, umbrella, wallet, window, candle, jacket, jar of honey, vase, glove, "
        "spoon, violin, cheese, coffee, garden hose, picture, parcel, map, key, sandwich"
    ),
    "quality": (
        "old, new, small, large, heavy, broken, beautiful, expensive, empty, useful, green, "
        "yellow, dirty, wooden, strange, quiet, famous, dangerous, cheap, modern, very good, "
        "rather dull, ready"
    ),
    "action": (
        "go for a walk, clean the windows, water the flowers, wait for the bus, feed the cat, "
        "write a letter, repair the roof, cook dinner, read the paper, visit a friend, learn "
        "french, paint the fence, buy new shoes, move the furniture, leave early, sing along, "
        "answer the phone, stay at home, ask for help, count to ten"
    ),
    "place": (
        "station, market, library, museum, bakery, harbour, airport, post office, theatre, "
        "school, hospital, bank, church, swimming pool, town hall, park, castle, hotel"
    ),
    "topic": (
        "music, history, the weather, gardening, football, the price of bread, old churches, "
        "travelling by train, birds, modern art, astronomy, cooking, sailing, the moon, chess, "
        "the railway, politics, language, medicine, the sea"
    ),
}
SLOTS: dict[str, tuple[str, ...]] = {
    slot: tuple(choices.split(", ")) for slot, choices in _SLOTS.items()
}
