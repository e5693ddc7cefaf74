"""The caption grammar's templates: many ways to tell each kind of event.

One template a line, in the notation of `phrases`. `<one>` is the person who acts, `<other>` a second
one, `<group>` all who take part with their number, `<car>` and `<other_car>` the vehicles.
"""

from __future__ import annotations

STORIES: dict[str, str] = {
    "empty": """
the <scene> is [empty|deserted|vacant|quiet and empty]
[an|the] empty <scene>
[nobody|no one|no person] is [in view|in sight|here|present] at the <scene>
there is [nobody|no one|no person] [in sight|in view|here|around]
[nothing|not anything] [moves|is moving|happens|is happening] <at>
[no people|no persons] [are|can be] seen <at>
a <scene> [without|with no] [people|persons|anyone|movement|activity]
the <scene> is [still|quiet|calm] and [nobody|no one] is [there|around]
only the [empty|quiet] <scene> [is visible|can be seen]
an [empty|unoccupied] place <at>
a quiet <scene> with [nobody|no one] [in it|around|in view]
all is [quiet|still|calm] <at>
nobody [walks|stands|waits|passes] <at>
the camera [shows|sees|watches] an empty <scene>
there is no [activity|movement|motion|person] <at>
""",
    "walk": """
<one> [walks|is walking] [past|by|along|across|slowly|]
<one> [strolls|is strolling|wanders|is wandering]
<one> [crosses|is crossing] the [view|scene|picture]
<one> [walks|is walking] at a [normal|steady|slow|calm|regular] [pace|speed]
<one> [passes|is passing] [by|through]
<one> [moves|is moving] [along|slowly|calmly] on foot
<one> [goes|is going] [by|past|for a walk]
<one> [walks|steps] [from one side to the other|through the scene|across the view]
<one> on foot [goes by|passes by|moves along]
there is <one> walking
[a walk|a stroll] by <one>
<one> [comes|is coming] [past|along] walking
<one> is [out walking|taking a walk|on the way]
<one> [makes|takes] [slow|steady|calm] steps
<one> [walks|strolls] [alone|calmly|slowly]
""",
    "stand": """
<one> [stands|is standing] [still|there|around|]
<one> [waits|is waiting] [patiently|quietly|there|]
<one> [stands|waits] without [moving|walking]
<one> is [standing|waiting] [alone|in place|on the spot]
<one> [stays|is staying] in [place|one place|one spot]
<one> [looks|is looking] around while standing
<one> [stopped|has stopped] and [waits|is waiting]
there is <one> [standing|waiting]
<one> does not [move|walk]
<one> [stands upright|stands quietly|remains still]
<one> [hangs|is hanging] around
<one> is [idle|waiting for someone|waiting for something]
a [standing|waiting] [person|figure] can be seen
<one> [keeps|is keeping] still on [both|two] feet
<one> [rests|is resting] while standing
""",
    "talk": """
<group> [talk|are talking|chat|are chatting|speak|are speaking]
<group> [talk|chat|speak] [to|with] each other
<group> [have|are having] a [conversation|talk|chat|friendly conversation|discussion]
<one> [talks|speaks|is talking|is speaking] [to|with] <other>
<group> [stand|are standing] [together|face to face] [and talk|and chat|talking]
<group> [stop|meet|gather] [to talk|to chat|and talk]
[a conversation|a chat|a talk|a discussion] between <group>
<group> [discuss|are discussing] something [calmly|quietly|]
<one> and <other> [talk|chat|are talking|are chatting]
<group> [face|are facing] each other in conversation
there are <group> [talking|chatting] [together|]
<group> gesture while [talking|speaking]
<one> [listens|is listening] to <other>
<group> [greet|meet] and [talk|chat]
<group> [stand|stay] close [talking|chatting] [quietly|calmly|]
""",
    "sit": """
<one> [sits|is sitting] [on a bench|on the bench|on a seat|down|]
<one> is seated [on a bench|on a seat|there|]
<one> [sits|rests|is resting] on [a|the] bench
<one> [takes|has taken] a [seat|rest]
<one> [sits|is sitting] [quietly|calmly|alone|still]
there is <one> [sitting|seated] on [a|the] [bench|seat]
<one> [waits|is waiting] [on a bench|sitting|seated]
<one> sits down [to rest|on a bench|to wait|]
a bench with <one> sitting on it
<one> [relaxes|is relaxing|rests] on [a|the] [seat|bench]
<one> [sits|is sitting] and [waits|rests|looks around]
a seated [person|figure] [rests|waits]
<one> [stays|remains] [seated|sitting]
<one> is [resting|waiting] on the bench
the bench is [used|occupied] by <one>
""",
    "push_cart": """
<one> [pushes|is pushing] a [cart|trolley]
<one> with a [cart|trolley|shopping cart|luggage cart]
<one> [walks|moves|goes] [with|behind] a [cart|trolley]
<one> [rolls|is rolling] a [cart|trolley] [along|forward|]
<one> [moves|is moving] a [cart|trolley] [slowly|forward|]
a [cart|trolley] is pushed by <one>
<one> [brings|takes|is taking] a [cart|trolley] [along|]
there is <one> pushing a [cart|trolley|shopping cart]
<one> [walks|strolls] pushing a [cart|trolley] [in front|ahead|]
a [cart|trolley] [moves|rolls] in front of <one>
<one> [steers|is steering] a [cart|trolley]
<one> [uses|is using] a [cart|trolley|shopping cart]
<one> and a [cart|trolley] pass by
<one> [wheels|is wheeling] a [cart|trolley] [past|along|]
<one> pushes a [full|loaded|heavy|shopping] [cart|trolley]
""",
    "carry_bag": """
<one> [carries|is carrying] a [bag|suitcase|handbag|backpack]
<one> with a [bag|suitcase|handbag] [walks|passes] [by|]
<one> [walks|is walking] with a [bag|suitcase|handbag] [in hand|]
<one> [holds|is holding] a [bag|suitcase|handbag]
<one> [brings|takes|is taking] a [bag|suitcase] [along|]
there is <one> [carrying|holding] a [bag|suitcase]
a [bag|suitcase] is carried by <one>
<one> [has|is walking with] [a bag|luggage|shopping bags]
<one> [carries|is carrying] [luggage|shopping|a heavy bag|shopping bags]
<one> [strolls|passes|goes by] [carrying|holding] a [bag|handbag]
<one> [walks|goes] past with [luggage|a bag|a suitcase]
<one> keeps a bag in [one hand|the hand]
<one> [walks|is walking] and a bag [swings|hangs] at the side
<one> [moves|goes] along [carrying|with] a [suitcase|bag]
<one> takes [shopping|luggage|a bag] [home|away|along]
""",
    "cycle": """
<one> [rides|is riding] a [bicycle|bike]
<one> [cycles|is cycling] [past|by|along|]
a cyclist [passes|is passing|rides] [by|past]
<one> on a [bicycle|bike] [passes|rides|goes] [by|past]
a [bicycle|bike] [passes|goes by|rolls past|crosses the view]
<one> [goes|travels|moves] by [bicycle|bike]
there is <one> on a [bicycle|bike]
a cyclist [rides|moves|travels] [along|on] the road
<one> [pedals|is pedaling] a [bicycle|bike]
a [bicycle|bike] ridden by <one>
a cyclist in [view|traffic] [rides|passes]
<one> [cycles|rides] [calmly|slowly|steadily] on the road
a [bicycle|bike] with a [rider|cyclist] [rolls|passes] [by|past]
a rider on a [bicycle|bike] [crosses|passes] the scene
<one> [rides|cycles] through on a bike
""",
    "drive_by": """
<car> [drives|is driving] [past|by|through|]
<car> [passes|is passing] [by|]
<car> [rolls|travels|moves] [along|past|by] [slowly|calmly|]
<car> [crosses|is crossing] the [view|scene|picture]
there is <car> [driving|moving] [by|past|]
<car> [goes|is going] [by|past|along the road|down the road]
<car> drives [on|along|down] the road
traffic [moves|flows|passes] [normally|calmly|] with <car>
<car> [drives|travels] [from one side to the other|through the scene]
[normal|regular|light] traffic with <car>
<car> in [motion|traffic] [on the road|passes by|]
a driver [steers|drives] <car> [past|along|]
<car> [moves|drives] at [a normal|a slow|a steady] [speed|pace]
the road is used by <car>
<car> comes [by|past|along]
""",
    "park": """
<car> [parks|is parking]
<car> [slows down|is slowing down] and [stops|parks]
<car> [stops|comes to a stop|comes to rest] [slowly|]
<car> [pulls|is pulling] [in|over|into a space|into a bay]
a driver [parks|is parking|stops] <car>
<car> [arrives|is arriving] and [parks|stops]
<car> [takes|enters|finds] a [parking space|bay|parking place]
<car> [drives|rolls|moves] slowly into a [space|bay|place]
<car> is [being parked|about to park|stopping]
there is <car> [parking|stopping|arriving]
<car> [brakes|slows] [gently|softly] and stops
the parking of <car>
<car> comes in and [waits|stands still|stays]
<car> [rolls|moves] to a [slow|gentle|calm] stop
<car> [drives in|arrives] and stands still
""",
    "group_walk": """
<group> [walk|are walking] [together|along|by|past|]
<group> [stroll|are strolling] [together|by|]
<group> [pass|are passing] [by|through]
<group> [move|are moving] [together|along] in the same direction
[a group|a crowd] of [people|<people>] [walks|is walking] [together|by|calmly|]
<group> [walk|go] [in the same direction|side by side|one after another]
there are <group> walking [together|]
<group> [cross|are crossing] the [view|scene]
[people|<people>] walk [together|in a group|as a group]
<group> [go|are going] [past|by|for a walk] [together|]
<group> on foot pass [by|together]
a [busy|crowded|lively] <scene> with [people|<people>] walking
<group> [walk|stroll|move] at a [normal|calm|steady] pace
<group> [walk|stroll] [slowly|calmly|steadily] [together|]
a [calm|steady] [flow|stream] of [people|<people>] walks by
""",
    "hug": """
<group> [hug|are hugging|embrace|are embracing] [each other|]
<one> [hugs|embraces|is hugging] <other>
<group> [greet|are greeting|welcome] each other with a hug
<group> [hold|are holding] each other [warmly|gently|close]
[a hug|a warm embrace|an embrace] between <group>
<group> [meet|come together] and [hug|embrace]
<one> and <other> [hug|embrace]
there are <group> [hugging|embracing]
<group> say [goodbye|hello] with a hug
<one> [puts|wraps] [both|the] arms around <other>
<group> [stand|stay] [close|together] in [an embrace|a hug]
[friends|two friends] [hug|embrace|greet] [warmly|gently|each other]
<group> [gently|warmly|kindly] [hug|embrace]
<one> [welcomes|greets] <other> with open arms
<group> share a [friendly|warm|long] [hug|embrace]
""",
    "hand_over": """
<one> [gives|is giving] a bag to <other>
<one> [hands|is handing|passes] a bag to <other>
<group> [exchange|are exchanging|share] a [bag|package]
a bag is [given|handed|passed] [from one person to another|over calmly]
<one> [offers|hands over|passes over] a [bag|package]
<one> [receives|takes|accepts] a [bag|package] from <other>
[an exchange|a handover] of a [bag|package] between <group>
<one> and <other> [exchange|pass] a bag
<one> [delivers|brings] a [bag|package] to <other>
<group> [meet|stand] and [exchange|pass] a [bag|package]
<one> [calmly|gently|kindly] [gives|hands] <other> a bag
there are <group> [exchanging|sharing] a bag
<one> [reaches|holds] out a bag to <other>
<other> [takes|accepts|receives] the [bag|package] that <one> [offers|gives]
a [bag|package] changes hands between <group>
""",
    "kneel": """
<one> [kneels|is kneeling] [down|]
<one> [crouches|is crouching|squats|is squatting] [down|]
<one> [ties|is tying] a shoe
<one> [bends|is bending] down [to tie a shoe|to pick something up|]
<one> goes [down on|onto] one knee
<one> [picks|is picking] something up from the [ground|floor]
<one> [stops|stoops|bends] to tie [a shoe|shoes|a lace]
<one> kneels [to fix|to check|and ties] a [shoe|lace]
there is <one> [kneeling|crouching|squatting]
a [kneeling|crouching] [person|figure] [ties a shoe|can be seen]
<one> [lowers|bends] [and|to] [kneels|crouch] [briefly|for a moment|]
<one> is on one knee [to tie a shoe|briefly|]
<one> [looks at|checks|reaches for] something on the [ground|floor] [kneeling|crouching]
<one> [kneels|crouches] [calmly|briefly|for a moment] and stands up again
<one> [fixes|is fixing] a [shoe|lace] on one knee
""",
    "hurry": """
<one> [hurries|is hurrying] [along|past|by|]
<one> [walks|is walking] [quickly|fast|briskly|in a hurry]
<one> [rushes|is rushing] a little [on foot|]
<one> [jogs|is jogging] [slowly|lightly|gently|]
<one> is in a [hurry|rush]
<one> [walks|moves|goes] at a [quick|fast|brisk] pace
<one> is [late|a little late] and [hurries|walks fast|walks quickly]
<one> [takes|makes] [quick|fast|brisk] steps
there is <one> [hurrying|walking quickly|walking briskly]
a [quick|brisk|fast] walk by <one>
<one> [strides|is striding] [past|along|by|]
<one> [passes|goes by|crosses] [quickly|briskly|in a hurry]
<one> [hurries|walks briskly] [to be on time|to work|home]
<one> [steps|walks] [faster|quicker] than usual
<one> [hurries|jogs|walks fast] [alone|calmly|]
""",
    "dance": """
<group> [dance|are dancing] [together|happily|]
<group> [move|are moving] to music
<group> [dance|perform] [with raised arms|to music|a dance]
[a dance|a dance show] by <group>
<one> [dances|is dancing] with <other>
there are <group> dancing [together|happily|]
<group> [swing|wave|move] [both|the] arms and dance
<group> [celebrate|are celebrating] [and dance|dancing|happily]
[dancers|happy dancers] [move|swing|dance] [together|in rhythm]
<group> [perform|practice|enjoy] a dance
<group> [bounce|step|swing] [in rhythm|from side to side|to the music]
<one> and <other> [dance|are dancing] [happily|together]
<group> [have fun|enjoy music] and dance
<group> [wave|raise] the arms in [a dance|rhythm]
<group> dance [in place|on the spot|side by side]
""",
    "browse": """
<group> [browse|look at|look over|examine] the [shelves|products|goods|items]
[a shopper|a customer|<one>] [looks|is looking] at the [shelves|products|goods]
[a shopper|a customer|<one>] [browses|is browsing] the shelves
[a shopper|a customer|<one>] [picks|takes|reaches for] [a product|an item|goods] [from the shelf|]
[a shopper|a customer|<one>] [chooses|is choosing|compares] [products|goods|items]
[shopping|browsing|looking at goods] in the [shop|store]
[a shopper|a customer|<one>] [stands|is standing] in front of the shelves
[a shopper|a customer|<one>] [reaches|is reaching] [to|toward] the shelf
there is [a shopper|a customer|<one>] at the shelves
[a shopper|a customer|<one>] [searches|checks] the [shelf|shelves]
<group> [shop|are shopping] for [food|goods|groceries]
[a shopper|a customer|<one>] [buys|is buying] [food|goods|groceries|something]
[a shopper|a customer|<one>] [inspects|holds|examines] [a product|an item]
<group> at the [shelves|shelf] [choose|look for|compare] [goods|food|items]
the shelves are [browsed|inspected] by <group>
""",
    "train": """
a [train|passenger train|railway train] [passes|is passing|arrives|is arriving]
a [train|passenger train] [enters|leaves|comes into] the station
a [train|long train] [moves|rolls|travels] along the [track|tracks|rails]
the train [arrives|comes in|passes] [on time|as scheduled|]
there is a train [on the track|on the tracks|passing]
a [train|passenger train] [goes|drives|rolls] [by|past]
a [long|passing|moving] train on the [track|tracks|rails]
a train [pulls|comes] [in|into the station]
the [arrival|passing] of a train
a [train|passenger train] runs [past|by|along] the platform
train [service|traffic] [runs|goes on] [normally|on time]
a train [crosses|fills] the view [behind|beside] the platform
[wagons|carriages] [roll|pass|move] [by|past] on the [rails|track]
a train with [many|several] windows [passes|goes by]
the [track|railway] is used by a train
""",
}
