"""The sentences of the practice world, as tables of alternatives.

`[a|b]` is a choice, `[a|]` an option, `<name>` a slot that `captions` fills from the plan. Only words
belong here; how they are chosen belongs in `captions`.
"""

from __future__ import annotations

COLOURS: tuple[str, ...] = (
    "red", "blue", "green", "yellow", "white", "black", "gray", "orange", "purple", "brown", "pink",
)  # fmt: skip

SCENE_NOUNS: dict[str, str] = {
    "street": "[street|road|city street|town street|street with buildings|urban street]",
    "corridor": "[corridor|hallway|hall|passage|building corridor|long corridor]",
    "shop": "[shop|store|supermarket|shop with shelves|aisle|grocery store]",
    "car_park": "[car park|parking lot|parking area|parking garage|parking place]",
    "plaza": "[plaza|square|public square|open square|town square|paved square]",
    "platform": "[platform|train platform|station|train station|railway platform|railway station]",
}

PLACES: dict[str, str] = {
    "street": "[[on|in] the street|on the [sidewalk|pavement|walkway|footpath]|[near|by|beside"
    "|along] the road"
    "|[near|outside|in front of] the [buildings|shops]|on a [city|town|busy|quiet] street|outdoors]",
    "corridor": "[[in|inside|along] the [corridor|hallway|hall|passage]|[near|by|beside] the [door"
    "|doors|wall]"
    "|[inside|in] the building|in a [long|narrow] [corridor|hallway]|indoors]",
    "shop": "[[in|inside] the [shop|store|supermarket]|[near|beside|between|by|in front of] the shelves"
    "|[near|by|at] the [counter|checkout]|[in|along] the aisle|in a [small|grocery] [shop|store]|indoors]",
    "car_park": "[[in|inside|across] the [car park|parking lot|parking area|garage]|[near|by|beside"
    "|between|behind]"
    " the parked [cars|vehicles]|in a [car park|parking lot]|near the [bays|parking spaces]]",
    "plaza": "[[in|on|across] the [plaza|square]|[near|by|around] the [fountain|benches]|in the"
    " [public|open|town]"
    " square|on the [paved|open] ground|outdoors]",
    "platform": "[[on|along] the [platform|train platform]|[at|in] the [station|train station"
    "|railway station]"
    "|[near|beside|by] the [tracks|track|rails|platform edge|edge]|on a [railway|station] platform]",
}

PERSON_NOUNS: dict[str, str] = {
    "street": "[pedestrian|passer|citizen|resident]",
    "corridor": "[visitor|worker|student|guest]",
    "shop": "[shopper|customer|buyer|clerk]",
    "car_park": "[driver|pedestrian|visitor|motorist]",
    "plaza": "[pedestrian|visitor|tourist|citizen]",
    "platform": "[passenger|traveler|commuter|tourist]",
}

PEOPLE_NOUNS: dict[str, str] = {
    "street": "[pedestrians|citizens|residents]",
    "corridor": "[visitors|workers|students]",
    "shop": "[shoppers|customers|buyers]",
    "car_park": "[drivers|pedestrians|visitors]",
    "plaza": "[pedestrians|visitors|tourists]",
    "platform": "[passengers|travelers|commuters]",
}

LIGHT_PHRASES: dict[str, str] = {
    "day": "[[during|in] the [day|daytime|morning|afternoon]|in [daylight|bright light|good light]"
    "|on a [bright|clear] day|by day|under bright [light|lights]]",
    "dusk": "[at [dusk|sunset|twilight]|in the evening|in [dim|low|fading|weak] light|late in the"
    " day|before dark]",
    "night": "[at night|in the [dark|night|darkness]|late at night|after dark|during the night"
    "|under the lamps]",
}

GARMENTS = "[shirt|jacket|coat|top|sweater|hoodie]"

CAMERAS = (
    "[a|the] [fixed|static|surveillance|security|cctv|mounted|] camera [shows|sees|records|films"
    "|watches|captures]",
    "[surveillance|security|cctv|camera|video] [footage|video|recording|image] [of|shows|showing]",
    "[a|the] [wide|high|still|distant|camera|] view [of|where|shows|with]",
    "in [this|the] [scene|view|video|image|picture|frame]",
    "[a|one] [frame|moment|picture|shot] in which",
    "[we|you] can see that",
    "the [operator|guard] [sees|watches|notices] that",
    "[there|here] it [appears|seems|looks] that",
)

DISTANCES: dict[str, str] = {
    "near": "[close to the camera|in the foreground|near the camera|at the front|in front]",
    "far": "[far from the camera|in the background|in the distance|further away|at the back]",
}

SIDES: dict[str, str] = {
    "left": "[on the left|on the left side|to the left]",
    "middle": "[in the middle|in the center|at the center]",
    "right": "[on the right|on the right side|to the right]",
}

MOODS: dict[bool, tuple[str, ...]] = {
    False: (
        "and [nothing|not anything] [unusual|strange|wrong|suspicious|special] [is happening"
        "|happens|can be seen]",
        "and [the scene is|everything is|everything looks|all is] [calm|normal|quiet|peaceful"
        "|ordinary|fine|safe]",
        "as [usual|always|expected|on any day]",
        "[calmly|quietly|normally|peacefully|without any hurry]",
        "on [a|an] [calm|normal|quiet|ordinary|usual|peaceful|regular|routine] day",
        "and [nobody|no one] is in danger",
    ),
    True: (
        "and [this|it|the situation] [is|looks] [dangerous|unusual|alarming|serious|abnormal"
        "|suspicious|unsafe]",
        "and [help|the police|security|an ambulance|a guard] is needed",
        "in [an emergency|a dangerous incident|an unusual event|an alarming situation|a serious accident]",
        "[suddenly|without warning|unexpectedly]",
        "and [people|others] [are|could be] in danger",
        "which is [not normal|a danger|an alarm|an incident|not safe|a threat]",
    ),
}
