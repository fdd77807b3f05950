"""Common English words: what a keyword can be mistaken for is looked for among them."""

from __future__ import annotations

_TEXT = """
able about above accept account across act action active actor add address adult advice affair
afraid after again age agent ago agree ahead air airport alarm album alive all allow almost alone
along already also always amount amuse ancient angel anger angle animal ankle answer any anyone
apart apple april arch area argue arm army around arrive arrow art article artist ask asleep aunt
author autumn avoid awake away baby back bacon bad bag bake balance ball banana band bank banker
bar bargain barn barrel base basic basket bath bathroom battle beach beam bean bear beard beat
beauty because become bed bedroom bee beef before begin behave behind being belief bell belong
below belt bench bend berry beside best better between beyond bicycle big bill bind bird birth
biscuit bite bitter black blade blame blanket blast bless blind block blood blossom blow blue board
boat body boil bold bolt bone book boot border borrow both bottle bottom bowl box boy brain branch
brass brave bread break breakfast breath breeze brick bridge brief bright bring broad broken brook
brother brown brush bubble bucket budget build bunch burn bus bush business busy butcher butter
button buy cabin cable cage cake calculate calendar call calm camel camera camp candle candy cane
canvas capable captain capture car carbon card care career careful cargo carpet carriage carrot
carry cart carve case cash castle cat catch cattle cause caution cave ceiling centre century
certain chain chair chalk chamber champion chance change channel chapter charge charm charter
chase cheap cheek cheese cherry chess chest chew chicken chief child chimney chin choice choose
church circle circus citizen city claim class classic clay clean clear clerk clever cliff climb
clock close cloth cloud clover club clue coach coast coat coffee coin cold collar collect college
colour comb combat come comfort comma command comment commit common commute commuter compact
company compare compass compete competitor complete complex composer compound compress compromise
compute conclude concrete conduct confuse consider consult consumer contain content contest
contributor control convince cook cool copper copy corn corner correct cost costume cottage cotton
cough could council count counter country couple courage course court cousin cover cow crab crack
craft crash cream create creature credit creek crew cricket crop cross crow crowd crown cruel
cruise cry cue cup curious current curtain curve custom cut cute cutter cycle daily dance danger
dark data date daughter day dead deal dear debate debt decade december decide deep deer defeat
defend degree delay deliver demand dentist deny deposit depth desert design desk detail develop
device dew diamond diary dice diet differ dig dinner direct dirt dish disk disputer distance
distributor divide doctor dog dollar donkey door double doubt down dozen drag drama draw dream
dress drift drink drive driver drop drum dry duck due duke dust duty dwell each eager eagle ear
early earn earth east easy eat echo edge effort egg eight either elbow elect eleven else empty end
enemy engine enjoy enough enter entire equal escape even evening event ever every evil exact
example except excuse exercise exit expect explain express extra eye fabric face fact fade fail
faint fair fairy faith fall false family famous fancy far farm farmer fashion fast fat father
fault favour fear feast feather february feed feel fellow fence fern fetch fever few field fierce
fifth fight figure fill film final find fine finger finish fire firm first fish five fix flag
flame flash flat flavour flight float flock floor flour flow flower flute fly fog fold follow food
fool foot forest forget forgive fork form fortune forty forward four fox frame free freeze fresh
friday friend frog front frost fruit fuel full fun funny fur furniture further fuse future gain
gallery gallon game garage garden garlic gas gate gather general gentle ghost giant gift giraffe
girl give glad glance glare glass glasses glaze gleam glitter globe gloss glove glow glue
goal goat gold golf good goose gospel government grab grace grade grain grand grandmother grape
graph grass grateful grave gravel gray grease great green greet grey grief grill grip grocer ground
group grow growth guard guess guest guide guilty guitar gum habit hair half hall hammer hand
handle hang happen happy harbour hard harmless harness harvest hat hate have hay he head health
heap hear heart heat heaven heavy height hello help hen her herb here hero hide high hill hint hire
history hit hobby hold hole holiday hollow home honest honey hook hope horn horse hospital host
hotel hour house how huge human hundred hungry hunt hurry hurt husband ice idea idle image
imagine inch include income increase index indoor infant ink inn inner insect inside interview
invite iron island issue item itself ivory jacket jam janitor january jar jargon jars jarring
jasmine jaw jealous jealousy jelly jersey jewel job jockey join joint joke journal journey joy
judge juice july jump june jungle junior junk jury just justice kangaroo keep kettle key kick kid
kidney kind king kingdom kiss kitchen kite kitten knee knife knight knock knot know knowledge label
labour lace ladder lady lake lamb lamp land lane language large laser last late later laugh
laundry law lawn lawyer layer lazy lead leaf league lean learn least leather leave lecture left leg
lemon lend length lens less lesson let letter level liberty library lick lid lie life lift light
like lily limb limit line lion lip liquid list listen litre little live liver lizard load loaf loan
local lock log lonely long look loop loose lord lose loss lost lot loud love low loyal luck lucky
lunch lung luxury machine mad magazine magic mail main make male man manager manner many map marble
march margin mark market marriage marry marsh mass master match mate matter may maybe mayor meadow
meal mean measure meat medal medicine meet melon melt member memory mend menu mercy message metal
method middle mighty mild mile milk mill million mind mine minister minor minute mirror miss
mistake mist mix mobile model modern moment monday money monkey month mood moon moral more morning
mother motion motor mountain mouse mouth move movie much mud multiply muscle museum music must
mutual my myself nail name narrow nation nature navy near neat neck need needle neighbour nephew
nerve nervous nest net never new news next nice niece night nine noble nobody noise none noon
normal north nose note notebook nothing notice novel november now number nurse nut oak obey object
obvious ocean october odd offer office officer often oil old olive once one onion only open opera
opinion orange orbit order organ other our outer outside oven over owe owl own owner oxygen pack
package page pain paint pair palace pale palm pan paper parcel pardon parent park parrot part
partner party pass passenger past paste path patient pattern pause pay peace peach peak pear pearl
pen pencil penny people pepper perfect perfume perhaps period permit person pet petrol pew pewter
phone photo piano pick picnic picture pie piece pig pigeon pile pillow pilot pin pink pipe pitch
pity place plain plan plane planet plant plastic plate play player please plenty plough pocket poem
poet point poison pole police polish polite pond pony pool poor pope popular porch port portion
position post pot potato pound pour powder power practice praise pray prefer prepare present press
pretty prevent price pride priest prince princess print prison private prize problem process
produce promise proof proper proud prove public pull pump punish pupil puppy pure purple purpose
purse push put puzzle quality quarter queen question quick quiet quilt quite quiz rabbit race
radar radio rail rain raise ranch range rapid rare rat rate rather raw ray reach read ready real
rear reason receive recipe record recruiter red reduce refuse regret relief rely remain remember
remove rent repair repeat reply report request rescue reset rest result return reveal review
reward rhyme rib ribbon rice rich ride right ring ripe rise river road roar roast rob robin robot
rock rocket roll roof room rooster root rope rose rough round route router royal rub rubber rude
rug ruin rule ruler run rural rush sack sad saddle safe sail sailor salad salary salt same sample
sand sandwich sauce saucer save say scale scene scent school science scissors score scout screen
screw scooter sea search season seat second secret see seed seek seem sell send senior sense
sentence september series serious serve service set settle seven several severe sew shade shadow
shake shall shallow shape share sharp sharpness shave she sheep sheet shelf shell shelter shepherd
shine ship shirt shock shoe shoot shooter shop shore short shoulder shout show shower shut shy sick
side sign signal silence silk silly silver similar simple since sing singer single sink sister sit
six size skate skill skin skirt sky slave sleep sleeve slice slide slight slip slope slow small
smart smell smile smoke smooth snail snake snow so soap social sock soft soil soldier solid solve
some son song soon sore sorrow sort soul sound soup sour south space spade spare spark speak
special speech speed spell spend spice spider spin spirit spoil spoon sport spot spray spread
spring square squirrel stable staff stage stair stamp stand star starve start state station
statue stay steady steak steal steam steel steep stem step stick stiff still sting stir stock
stomach stone stop store storm story stove straight strange stranger straw stream street strength
stretch strike string strip stroke strong student study stuff stupid style subject succeed such
sudden suffer sugar suggest suit suitor summer sun sunday supper supply support suppose sure
surface surprise survey swallow swan sweep sweet swim swing switch sword system table tail tailor
take tale talent talk tall tank tap target tart task taste tax taxi tea teach teacher team tear
tell temper temple ten tender tennis tent term test text thank that theatre their them then
there these they thick thief thin thing think third thirsty this thorn thread threat three throat
throne through throw thumb thunder ticket tide tidy tie tiger tight till timber time tin tiny tip
tire tired title toad toast tobacco today toe together tomato tomorrow tone tongue tonight tool
tooth top torch total touch tough tour tourist toward towel tower town toy track trade tradition
traffic train transfer transport trap travel tray treasure treat tree tribe trick trip tropical
trouble trousers truck true trumpet trunk trust truth try tube tuesday tulip tune tunnel turkey
turn turtle tutor twelve twenty twice twin twist two type tyre ugly umbrella uncle under unit unite
until up upon upper urban urge use useful user usual utter valley value van vanish various vase
vast vegetable vein velvet venue verb verse very vessel vest victory video view viewer views
village violet violin virtue virus visit visitor voice volume vote vowel voyage wage waggon waist
wait wake walk wall wallet walnut wander want war ward warm warn warning warrant wash wasp waste
watch water wave wax way weak wealth wear weather weave wedding wednesday weed week weigh weight
welcome well west wet whale wheat wheel when where whether which while whip whisper whistle white
who whole why wicked wide widow wife wild will win wind window wine wing winter wipe wire wisdom
wise wish wit witch witness wolf woman wonder wood wool word work worker world worm worry worse
worth would wound wrap wreck wrist write wrong yard year yeast yellow yes yesterday yet yield yoga
young your youth zebra zero zone
"""

COMMON_WORDS: tuple[str, ...] = tuple(_TEXT.split())
