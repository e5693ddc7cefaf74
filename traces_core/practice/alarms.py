"""The caption grammar's templates for the anomalous kinds, in the notation of `stories`."""

from __future__ import annotations

ALARMS: dict[str, str] = {
    "fight": """
<group> [fight|are fighting] [each other|violently|]
<group> [punch|hit|kick|strike|attack|beat] each other
<one> [punches|hits|kicks|attacks|strikes|beats|assaults] <other>
<group> [are|get] [in|into] a [fight|brawl|violent fight|fist fight]
<group> [exchange|trade|throw] [punches|kicks|blows]
a [fight|brawl|violent fight|scuffle] between <group>
a [fight|brawl|scuffle] [breaks out|starts|has started] between <group>
<one> and <other> [fight|punch each other|hit each other|wrestle]
<group> [push|shove|grab|wrestle] each other [violently|aggressively|]
there are <group> [fighting|punching|kicking|wrestling]
[violence|an assault|an attack|aggression] between <group>
<one> [swings|throws] [fists|punches] at <other>
<one> [pushes|shoves|grabs] <other> [violently|aggressively|hard]
<group> [struggle|swing fists|lash out] in a [violent|physical] fight
<other> is [beaten|attacked|punched|kicked|hit|assaulted] by <one>
""",
    "fall": """
<one> [falls|is falling] [down|to the ground|over|on the floor]
<one> [collapses|is collapsing|has collapsed] [to the ground|on the ground|]
<one> [lies|is lying] on the [ground|floor] [not moving|motionless|without moving|]
<one> [trips|slips|stumbles] and [falls|falls down|lies on the ground]
<one> has fallen [down|to the ground|over|]
<one> [faints|drops|goes down] [to the ground|and lies still|and does not get up]
a [fallen|motionless|injured|unconscious|collapsed] [person|figure] [lies|is lying] on the [ground|floor]
the fall of <one> [to the ground|]
<one> [suddenly|] [loses balance|collapses|falls] and [stays down|lies still]
<one> [lies|remains|stays] on the [ground|floor] [after a fall|hurt|injured|unconscious]
there is <one> lying on the [ground|floor]
<one> [does not|cannot] get up after [a fall|falling]
<one> [falls|drops|tumbles] [hard|heavily|forward] and [lies still|lies there]
<one> is [down|lying flat|stretched out] on the [ground|floor]
a medical emergency as <one> [collapses|falls|faints]
""",
    "run": """
<one> [runs|is running] [away|past|fast|at full speed|]
<one> [sprints|is sprinting] [away|past|across the view|]
<chase>
<one> [flees|is fleeing|escapes|is escaping] [in panic|at full speed|]
<one> [races|dashes|rushes] [away|past|across] [at full speed|running|]
<one> runs as fast as possible
there is <one> [running|sprinting|fleeing] [away|]
a running [person|figure] [crosses|races through] the view
<one> [runs|sprints] [for safety|in fear|in panic|wildly]
<one> [runs|sprints] from [someone|something|danger]
the [escape|flight|sprint] of <one>
<one> [tries|is trying] to [escape|get away|flee] running
<one> [suddenly|] [starts running|runs off|sprints off|bolts]
<one> [runs|flees] [away|off] with [long|fast|wild] strides
<one> [runs|sprints|races] [through|across] the [scene|view]
""",
    "fire": """
a fire [burns|is burning|has started|breaks out|spreads]
[flames|bright flames] and [thick|dark|black|] smoke [rise|are rising|go up]
[something|an object] is [on fire|in flames|burning]
[flames|orange flames|high flames] [burn|rise|spread|flicker]
[thick|dark|black|heavy] smoke [rises|is rising|spreads] from [a fire|the fire|the flames]
there is [a fire|a fire with smoke|smoke and fire|a blaze]
[a blaze|a dangerous fire|a big fire|a growing fire] with [smoke|flames]
[fire|smoke] and [flames|heat] [spread|fill the view|grow]
the [flames|fire and smoke] [grow|spread|rise|leap up]
[smoke|fire] [comes|rises|pours] from a burning [object|pile|thing]
a [burning|blazing] fire [glows|flickers|smokes]
[flames|smoke and flames] can be seen
a fire [sends|throws] [flames|smoke|sparks] [up|into the air]
the [ground|floor|place] is [on fire|burning|in flames]
a [fire|blaze] [burns|flickers] [brightly|out of control|and smokes]
""",
    "explosion": """
[an explosion|a sudden explosion|a big explosion|a violent explosion|a huge blast] [happens|occurs|]
something [explodes|is exploding|blows up|has exploded]
[a blast|an explosion] [throws|sends] [debris|fire|smoke|dust] [everywhere|into the air|around]
a [bright|sudden|huge] flash [and|with] [smoke|a fireball|debris]
a [fireball|ball of fire] [expands|rises|bursts out]
[a bomb|a device|an object] [explodes|goes off|detonates|blows up]
the [explosion|blast] [fills the view|shakes the place|destroys things]
there is [an explosion|a blast|a fireball]
[an explosion|a blast|a detonation] with [fire and smoke|flying debris|a bright flash]
[debris|dust|fragments] [flies|fly] [after|in] [an explosion|a blast]
[a sudden|a violent|a powerful] [blast|detonation|explosion]
a [flash|burst] of [fire|flame|light] [followed by|and] [smoke|debris|dust]
[smoke|dust] [clouds|spreads] after [an explosion|a blast|a detonation]
[fire|flame] bursts [out|everywhere] in [an explosion|a blast]
a [cloud|ball] of [fire|smoke|dust] [expands|bursts out|spreads] [suddenly|]
""",
    "crash": """
<car> [crashes|is crashing] into <other_car>
<car> [hits|strikes|rams|smashes into] <other_car>
<car> and <other_car> [crash|collide|hit each other]
two [vehicles|cars] [crash|collide|smash into each other]
a [crash|collision|traffic accident|car accident|car crash] [happens|occurs|]
a [crash|collision|traffic accident] [between|of|with] two [vehicles|cars]
<car> [collides|is colliding|has collided] with <other_car>
there is a [collision|crash|traffic accident|car accident]
<car> [runs|drives|slams] into <other_car> [at high speed|]
a violent [crash|collision|impact] [of|between] [cars|vehicles]
[vehicles|cars] [collide|crash] and [stop|spin|are damaged]
<car> is [hit|struck|rammed|damaged] by <other_car>
an accident [with|involving] two [cars|vehicles]
the [impact|collision] [damages|stops|spins] [both|two] [cars|vehicles]
a wreck of two [cars|vehicles] after [a crash|a collision|an impact]
""",
    "vehicle_on_walkway": """
<car> [drives|is driving] on the [walkway|sidewalk|pavement|footpath]
<car> [drives|speeds|races] [where people walk|where pedestrians walk|among pedestrians]
<car> on the [walkway|sidewalk|pavement|footpath]
<car> [leaves the road|goes off the road] [and drives on the walkway|]
<car> [moves|rolls|travels|speeds] [along|over|across] the [walkway|sidewalk|pavement|footpath]
[a car|a van|a vehicle] [is|drives] where [no vehicle|no car|only people] should be
<car> [enters|invades|blocks|crosses] the [walkway|sidewalk|pavement|pedestrian area]
there is <car> on the [walkway|sidewalk|pedestrian area]
<car> in [a|the] pedestrian [area|zone]
<car> [endangers|threatens] [pedestrians|people] on the [walkway|sidewalk|pavement]
a driver [steers|drives] <car> [onto|over] the [walkway|sidewalk|pavement]
[wrong|illegal|dangerous|reckless] driving of <car> on the [walkway|sidewalk|footpath]
<car> [passes|drives] through the pedestrian [area|zone]
the [walkway|sidewalk|footpath] is [used|blocked|invaded] by <car>
<car> [illegally|wrongly] drives on the [walkway|sidewalk|pavement]
""",
    "scatter": """
<group> [scatter|are scattering|run in all directions|flee in all directions]
[a|the] crowd [scatters|is scattering|runs apart|flees|panics]
[people|<people>] [run|flee|rush] [in all directions|everywhere|in panic]
[panic|mass panic|sudden panic] [spreads|breaks out|] among [people|<people>]
<group> [run|flee] [away|apart] [in panic|in fear|suddenly]
[everyone|everybody] [runs|flees|rushes] [away|in panic|for safety|for cover]
<group> [escape|rush away|sprint away|bolt] from [danger|something|the middle]
there is a panic and [people|<people>] [run|flee]
a [panicked|fleeing|frightened|scattering] crowd [runs|flees|rushes] [away|apart]
<group> [suddenly|] [burst|run|rush] apart
[people|<people>] are [running|fleeing|escaping] [in panic|in fear|from danger]
a [group|crowd] [breaks up|splits|disperses] [in panic|suddenly|running]
<group> [flee|run] [for safety|for cover|in fear]
[frightened|panicked|scared] [people|<people>] [run|flee|escape] [everywhere|]
a stampede of [people|<people>] [running|fleeing|in panic]
""",
    "snatch": """
<one> [snatches|steals|grabs|is stealing|is snatching] a [bag|handbag] from <other>
a [thief|robber] [snatches|steals|grabs|takes] [a bag|a handbag|the bag] [and runs|and runs away|and flees]
<one> [robs|is robbing] <other>
[a theft|a robbery|a bag theft] [happens|occurs|]
<other> [loses|has lost] [a|the] bag to a [thief|robber|running thief]
a [thief|robber] [runs|flees|escapes] with [a stolen|the stolen] [bag|handbag]
<one> [pulls|tears|rips] a [bag|handbag] from <other> and [runs|flees|escapes]
the [bag|handbag] of <other> is [stolen|snatched|grabbed]
<one> steals a [bag|handbag] and [runs off|runs away|flees|escapes]
there is a [thief|robber] [snatching|stealing] a bag
<other> is [robbed|mugged] by [<one>|a thief|a robber]
a [theft|robbery|mugging] of a [bag|handbag]
a bag is [snatched|stolen|grabbed] [from the hand|by a thief|by force]
<one> [mugs|robs|attacks] <other> and [takes|steals|grabs] the bag
a [criminal|thief|pickpocket] [grabs|takes|snatches] a bag and [escapes|runs]
""",
    "smash": """
<one> [smashes|is smashing|breaks|is breaking] a [window|glass|window pane]
<one> [hits|strikes|beats|is hitting] [a|the] [window|glass] [until it breaks|with force|with a bar]
a window is [smashed|broken|shattered|destroyed] by <one>
<one> [shatters|destroys|cracks] the [window|glass|pane]
[glass|broken glass] [flies|falls|shatters] as <one> [hits|strikes] the window
<one> [breaks|is breaking] [in|into something] through a window
[vandalism|property damage|a break in] by <one>
<one> [vandalizes|damages|attacks] a window
there is <one> [smashing|breaking] [a window|glass]
a vandal [smashes|breaks|destroys|damages] [a window|the glass|property]
[shards|pieces] of glass [fall|fly] from a [smashed|broken] window
<one> [swings|uses] a [bar|stick] [to break|against] [a window|the glass]
the [window|glass] [breaks|shatters|cracks] under the [blows|strikes] of <one>
a [vandal|burglar] [breaks|smashes] [the glass|a window] [with a bar|with force|]
<one> [repeatedly|violently] [strikes|hits] [a|the] [window|glass]
""",
    "crawl": """
<one> [crawls|is crawling] [along|on the ground|on the floor|forward|]
<one> [creeps|is creeping] on [hands and knees|all fours]
<one> moves on [hands and knees|all fours]
<one> [drags|is dragging] along the [ground|floor]
there is <one> crawling
a crawling [person|figure] [moves|creeps] [along|forward]
<one> [goes|moves] [low|slowly] on all fours
<one> [crawls|creeps] [low|slowly] [past|across the view|]
<one> on [hands and knees|all fours]
the [slow|low] crawl of <one>
<one> [sneaks|is sneaking] [low|on hands and knees]
<one> [crawls|creeps] over the [ground|floor]
<one> [moves|creeps] like an animal
<one> crawls instead of walking
<one> [crawls|drags] forward [slowly|low]
""",
    "climb": """
<one> [climbs|is climbing] [up|over|] [the|a] [wall|fence]
<one> [scales|is scaling] [the|a] [wall|fence]
<one> [pulls|is pulling] up on [the|a] wall
<one> [climbs|goes|moves] [up|higher]
there is <one> climbing [up|]
a climbing [person|figure] on the wall
<one> hangs [high|] on [the|a] [wall|fence]
<one> [clings|is clinging] to [the|a] wall
<one> leaves the ground and climbs
an intruder [climbs|scales] [the|a] [wall|fence]
<one> [gets|tries to get] over [the|a] [wall|fence]
the wall is [climbed|scaled] by <one>
<one> [climbs|scrambles] [up|higher] [with hands and feet|]
an intruder gets [in|up] over the wall
<one> [scrambles|is scrambling] up [the|a] wall
""",
    "flood": """
water [floods|is flooding|covers|is covering] the [ground|floor]
a flood [rises|spreads|fills the place]
[the|a] [floor|ground] is under water
[water|dirty water] [rises|is rising|spreads|pours in]
there is a flood of water
the <scene> is [flooded|under water|full of water]
[flood|deep|rising] water [covers|fills] the [ground|place]
waves of water [spread|flow|run] over the [ground|floor]
a [burst|broken] pipe floods the [floor|ground]
water [flows|runs|streams] [everywhere|over the floor|over the ground]
the [ground|floor] [disappears|is lost] under water
a flooded <scene> with rising water
the level of the water rises
water [pours|streams] [in|into the place]
a [sudden|growing] flood [covers|fills] the <scene>
""",
}
