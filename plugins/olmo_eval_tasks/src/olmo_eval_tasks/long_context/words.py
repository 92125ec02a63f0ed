"""Plain English words, and pieces of names, of which texts are made."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES = _words(
    """
    amber ancient barren bitter blunt bold brave brisk broad calm careful cheerful clever
    cloudy coarse common crimson curious damp dapper dense dim distant dusty eager early elder
    empty even faded fair faint famous fertile fierce flat fond formal frank fresh frosty
    gentle giant glad golden grand grave green grim hardy hasty hollow honest humble icy idle
    ivory jolly keen kind late lean light lively lonely loud loyal lucky mellow mighty mild
    misty modest narrow neat noble odd olive open pale patient plain polite prompt proud pure
    quick quiet rapid rare ready regal remote rich rigid ripe robust rough round royal rustic
    sandy scarlet sharp shy silent silver simple sleepy slim smooth sober solid steady steep
    stern still stout strange sturdy subtle sunny sweet swift tall tame tender thick tidy
    timid tiny tough vague vast vivid warm wary wide wild wise witty young zesty
    """
)
NOUNS = _words(
    """
    abbey acorn anchor apron arbor attic badge bakery banner barn barrel basin basket beacon
    beam bell bench blanket boat bottle bridge broom bucket button cabin candle canoe carpet
    cart castle cavern cellar chapel cherry chimney clock coast collar compass copper cottage
    cradle crown curtain daisy desk ditch door drum easel engine fabric falcon farm fence
    ferry field flute forest fountain garden garnet gate glove grove hammer harbor harvest
    hedge helmet hinge island jacket jar kettle kitchen ladder lamp lantern ledger lemon
    library lily lodge market marble meadow mill mirror mitten mountain museum needle oak oar
    orchard oven paddle palace parcel path pebble pencil pepper piano pigeon pillow plow pond
    porch quarry quilt raft ribbon river road robin roof rope saddle sail school shelter
    shield shovel spoon spring stable station statue stove stream street tailor tavern temple
    thistle ticket tower tunnel valley vessel village vine violin wagon wall walnut wharf
    wheel willow window yard
    """
)
VERBS = _words(
    """
    admired avoided borrowed brought cleaned counted covered crossed described drew entered
    followed guarded measured mended moved noticed painted passed praised remembered repaired
    sketched visited
    """
)
PEOPLE = _words(
    """
    baker boatman carpenter clerk cook doctor driver farmer gardener guard guest librarian
    mason merchant miller nurse painter pilot porter printer sailor scholar shepherd singer
    teacher traveler weaver
    """
)
CRAFTS = _words("architect botanist composer engineer historian painter poet sculptor")
TIMES = (
    "before dawn",
    "in the morning",
    "at noon",
    "after lunch",
    "late in the evening",
    "during the fair",
    "all summer",
    "on the first day of the week",
    "while it rained",
    "when the bells rang",
    "in the second winter",
    "once a year",
)
ONSETS = _words("b br d dr f g gr h k l m n p r s st t th v w")
VOWELS = _words("a e i o u ai ea ou")
