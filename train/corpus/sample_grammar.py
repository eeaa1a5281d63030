"""The grammar of the sample corpus, as data: from names to whole news sentences, every line written for Nerve.

GRAMMAR maps a rule's name to its productions, one a line; a line that begins with blanks goes on with the one before.
How a production is read:

    word                 itself; words are split as CoNLL splits them ("'s", "n't" and punctuation stand alone)
    {name}               a production of the rule, or an entry of the word list, of that name
    {PER:...}            the same, labelled as one entity; an entity inside an entity has no label of its own
    <this|that>          one of them, equally likely
    [maybe]              there half of the time
    ~                    joins what stands left and right of it into one word
    3* at the beginning  three times as likely as a production without it; 0* would be never

It knows nothing of chance, labels of words, or files. Sentences begin at the rule "sentence".
"""

from __future__ import annotations

_NAMES = {
    "full": """
9* {PER:{given} {surname}}
{PER:{given} {initial} {surname}}
{PER:{given} {particle} {surname}}
{PER:{given} {surname} ~ - ~ {surname}}
{PER:{initial} {surname}}
{PER:{given} {given} {surname}}
{PER:{asian_full}}
""",
    "last": "{PER:{surname}}",
    "per": """
6* {full}
3* {last}
{PER:{mononym}}
{title} {last}
{title} {full}
""",
    "person": """
8* {per}
{full} , {age} ,
{full} , <a|the> [{adj}] {role} [<from {place}|at {org}|of {org}|for {org}>] ,
2* {nat_adj} {role} {full}
2* {org} {role} {full}
{org_s} {role} [,] {full}
the {role} , {full} ,
{role} {full}
[the] former {nat_adj} {role} {full}
{country} 's {role} {full}
{city} <mayor|resident|lawyer|councillor|businessman|teacher|police chief> {full}
{full} , who <lives|grew up|was born|works|studied|trained> in {place} ,
{per} and {per}
{per} , {per} and {per}
{full} ( {nat_adj} )
{full} of {org}
{full} , from {city} ,
""",
    "nat_adj": """
12* {MISC:{nat}}
{MISC:{nat_two}}
{LOC:<U.S.|U.S.|{short_country}>}
{MISC:{cities} ~ -born}
{MISC:{creed}}
""",
    "country": """
9* {LOC:{countries}}
the {LOC:{the_country}}
the {LOC:<U.S.|U.S.|{short_country}>}
""",
    "city": """
8* {LOC:{cities}}
{LOC:{town}}
{LOC:{cities}} , {LOC:{countries}}
{LOC:{town}} , {LOC:{state}}
""",
    "place": """
7* {city}
6* {country}
2* {LOC:{state}}
{LOC:{region}}
the {LOC:{the_region}}
{LOC:{island}}
{LOC:{lake}}
the {LOC:{water}} [<river|delta|valley>]
the {LOC:{water} River}
the {LOC:{mountain}}
{LOC:{landmark}}
{LOC:{street_name} {street_word}}
the {LOC:{surname} {feature}}
{LOC:{town} {feature}}
{LOC:<North|New|Port|Upper|East|West|Lower|Fort|Mount> {surname}}
{LOC:<San|Santa|Saint|St.> {given}}
<southern|northern|eastern|western|central|rural> {LOC:<{countries}|{cities}|{state}>}
the [<{nat_adj}|{adj}>] <city|town|capital|port|village|island|suburb|province> of {LOC:<{cities}|{town}|{state}>}
{LOC:{cities} [International] Airport}
{LOC:{countries}} and {country}
{LOC:{cities}} , {LOC:{cities}} and {LOC:{cities}}
{LOC:{countries}} , {LOC:{countries}} , {LOC:{countries}} and {country}
the {LOC:{street_name} {street_word}} <area|district|neighbourhood> of {LOC:{cities}}
the {nat_adj} border with {country}
""",
    "company": """
10* {ORG:{companies}}
{ORG:{coined}}
{ORG:{coined} {sector}}
{ORG:{coined} {suffix}}
{ORG:{coined} {sector} {suffix}}
2* {ORG:{surname} {suffix}}
{ORG:{surname} {sector}}
{ORG:{surname} & {surname}}
{ORG:{cities} {sector}}
{ORG:<Bank|Banco|Banque> of {countries}}
{ORG:{countries} {sector}}
{ORG:{nat} {sector}}
{ORG:First {state} Bank}
{ORG:<{cities}|{state}|{town}> <Rail|Electric|Buses|Gas|Post|Savings Bank|Telegraph|Ferries>}
{ORG:{given} 's <Pizza|Diner|Bakery|Books|Kitchen>}
""",
    "agency": """
6* the {ORG:{agencies}}
4* {ORG:{bare_agency}}
2* the {ORG:{body_head} {body_core} {body_tail}}
the {ORG:{nat} {body_core} {body_tail}}
the {ORG:{countries} {body_core} {body_tail}}
{country} 's {ORG:{ministry}}
the {nat_adj} {ORG:{ministry}}
the {ORG:{cities} Police Department}
{ORG:{cities} City Council}
the {ORG:<{state}|{cities}> <Supreme Court|District Court|Health Department|Fire Department|Legislature|Senate>}
the {ORG:{surname} Foundation}
""",
    "party": "the [{adj}] [opposition] {ORG:{parties}}",
    "school": """
2* {ORG:{schools}}
2* the {ORG:University of {cities}}
{ORG:{cities} <University|State University|Medical College|Zoo|Symphony Orchestra|General Hospital>}
{ORG:{surname} <College|Institute|University|School|Hospital|Gallery>}
{ORG:St. {given} 's <Hospital|School|Church|College>}
the {ORG:<Museum|Institute|School|Academy> of <Modern Art|Technology|Medicine|Natural History|Tropical Medicine>}
the {ORG:{nat} <Academy of Sciences|National Museum|Medical Journal|Space Agency>}
""",
    "press": """
3* {ORG:{presses}}
2* the {ORG:{presses}}
the {ORG:{cities} {press_word}}
{nat_adj} <newspaper|daily|broadcaster|news agency|television|magazine|state media> {ORG:{presses}}
""",
    "club": """
6* {ORG:{clubs}}
2* {ORG:{cities} {club_word}}
{ORG:FC {cities}}
{ORG:{town} <FC|United|Town>}
the {ORG:{clubs}}
""",
    "side": """
3* {club}
3* {ORG:{cities}}
3* {LOC:{countries}}
""",
    "org": """
6* {company}
4* {agency}
2* {school}
2* {press}
2* {club}
{party}
{ORG:{band}}
""",
    "org_s": "{org} 's",
    "event": """
6* the {MISC:{events}}
the <{year}|{ordinal}|opening|next> {MISC:{events}}
the {MISC:{cities} <Film Festival|Marathon|Open|Grand Prix|Jazz Festival|Book Fair|Classic|Declaration>}
the {MISC:{nat} <Open|Grand Prix|Cup|Championship|Masters|League|Civil War|Revolution>}
the {MISC:{surname} <Cup|Prize|Trophy|Award|Medal>}
""",
    "work": """
2* {MISC:{works}}
" {MISC:{works}} "
2* " {MISC:The {title_adj} {title_noun}} "
" {MISC:{title_noun} of {title_noun}} "
" {MISC:A {title_noun} in {cities}} "
""",
    "product": """
4* {MISC:{products}}
{MISC:{coined} <X1|Pro|3000|Mini|GT|Air|Plus>}
{MISC:<Boeing|Airbus> <737|747|777|787|A320|A350>}
""",
    "misc": """
{event}
{work}
{product}
the {MISC:{law}}
the {MISC:{award}}
""",
    "groups": """
3* {MISC:{nat_plural}}
{MISC:{nat}} {people}
{MISC:{creed}} <leaders|voters|senators|lawmakers|extremists|clerics|communities|politicians|families>
{MISC:{nat_plural}} and {MISC:{nat_plural}}
the {MISC:<French|British|Dutch|Chinese|Japanese|Irish|Spanish|English|Swiss>}
{LOC:{short_country}} {people}
""",
}

_PHRASES = {
    "np": """
5* <the|a|the|this|his|her|their|our|every|another> [{adj}] {noun}
3* [{adj}] {people}
2* {small} {people}
the {noun} 's {noun}
the {adj} {noun} <of|for|in|on|about|against> the {noun}
2* {mass}
2* <the|a|the|this|my|your|his|her|their> [{adj}] <{object}|{living}>
2* {food}
2* <us|them|him|her|me|you|something|everybody>
{food} and {food}
the {noun} of {mass}
a {noun} <about|on> {mass}
<most|many|some|few|all> {people}
the {noun} and the {noun}
the {adj} and {adj} {noun}
{small} <percent|%> of {people}
the {people} who {v_d} the {noun}
the {noun} that {v_d} {people}
""",
    "thing": "<the|a|the|this|its|his|their> [{adj}] {noun} [<of|for|about|on> {mass}]",
    "v_d": """
<approved|rejected|backed|delayed|unveiled|praised|criticised|cancelled|announced|discussed|opened|closed|changed>
<supported|blamed|visited|ignored|watched|bought|sold|built|destroyed|found|lost|left|joined|funded|reviewed|denied>
<wanted|needed|promised|described|protected|damaged|ended|began|led|welcomed|feared|studied|saved|affected|shaped>
""",
    "v_b": """
<approve|reject|back|delay|unveil|praise|criticise|cancel|announce|discuss|open|close|change|support|blame|visit>
<watch|buy|sell|build|find|lose|leave|join|fund|review|protect|damage|end|lead|welcome|study|save|affect|improve>
""",
    "v_ing": """
<approving|rejecting|backing|delaying|discussing|opening|closing|buying|selling|building|leading|reviewing|visiting>
""",
    "mod": """
<will|may|could|should|must|would|can|might|did n't|wo n't|could n't|does not|can not|will not|did not>
<is expected to|plans to|refused to|hopes to|has agreed to|vowed to|wants to|tried to|is likely to|was ready to
  |seems to>
""",
    "tv": """
5* {v_d}
has [{adverb}] {v_d}
2* {mod} {v_b}
had [already] {v_d}
is {v_ing}
was {v_ing}
{adverb} {v_d}
""",
    "pron": "<he|she|they|it|we|I|who|everyone|nobody|you>",
    "when": """
4* on {day}
last <week|month|year|night|summer|winter|{day}>
in {month}
2* in {year}
earlier this <week|month|year>
on {month} {date}
{small} <years|days|weeks|months|hours> ago
[late] on {day} <morning|evening|night|afternoon>
<yesterday|today|overnight|tomorrow|this week|this morning|next month|next year|at the weekend|for years|again>
in the {ordinal} <quarter|century|half>
since {year}
by {year}
in {month} {year}
at {clock} [on {day}]
from {year} to {year}
between {month} and {month}
""",
    "tail": """
5* {when}
3* in {place}
in {place} {when}
at a {noun} in {city}
after {v_ing} {thing}
<despite|because of|amid|after|before|during|without|as part of|ahead of> {np}
to {v_b} {thing}
<during|after|before|at|ahead of> {event}
for {small} <years|days|weeks|months|hours|minutes>
, <which|who> {tv} {np} ,
, {v_ing} {thing}
while {np} {tv} {np}
and {tv} {np}
, but {np} {tv} {np}
2* with {person}
2* , {per} {that} {plain}
, according to {source}
with help from {org}
near {place}
across {place}
<as|because|although|when|after|until> {np} {tv} {np}
by {number}
at {LOC:{venue}}
from {place} to {place}
alongside {per}
on {LOC:{street_name} {street_word}}
""",
    "front": """
3* {when}
in {place}
in {place} {when}
<after|despite|during|before|amid|following> {np}
<after|before> {v_ing} {thing}
<meanwhile|however|instead|still|of course|in fact|for example|as a result|in the end|once again|on the other hand>
<like|unlike> {org}
<like|unlike> {per}
as {role} of {org}
<at|before|after> {event}
with {small} <minutes|days|weeks> to go
born in {city} {when}
asked about {np}
according to {source}
for {groups}
at {school}
in {LOC:{city}}
at {LOC:{venue}}
on the way to {place}
""",
    "source": """
{person}
{org}
{press}
the {nat_adj} <government|police|army|embassy|authorities|press>
{groups}
a <report|study|survey> by {org}
{org} {people}
{people}
{city} police
""",
    "number": """
<{big}|{small}|{decimal} percent|{decimal} %|{dollars} <million|billion>|{big} <people|tonnes|miles|km|jobs|euros>>
""",
    "money": """
<{dollars} <million|billion>|{decimal} <million|billion> <euros|pounds|dollars|yen>|{dollars}|{big} euros>
""",
    "said": """
<said|told {press}|told reporters|added|wrote|wrote on {ORG:<Twitter|Facebook|Instagram>}|insisted|admitted
  |explained|argued|said in a statement|tweeted|told a news conference in {city}>
""",
    "that": """
<said|says|believes|announced|warned|confirmed|denied|reported|insisted|claimed|told {press}|told {per}|admitted
  |predicted> that
""",
    "whom": "<{person}|{groups}|{org}|{np}|{country}>",
    "part": """
{org} <spokesman|spokeswoman|workers|customers|staff|data|website|headquarters|officials|managers|president|shares>
{org_s} [{adj}] {noun}
{per} 's [{adj}] <{noun}|{object}|{living}>
{country} 's [{adj}] {noun}
{city} 's [{adj}] {noun}
{LOC:{city}} <residents|hotels|streets|schools|taxi drivers|hospitals|suburbs|police|shops>
2* <the|a|the|this|another> [{adj}] {MISC:{nat}}
  <{noun}|{living}|{object}|{role}|team|army|embassy|province|village>
[{adj}] {MISC:{nat}} <{food}|{goods}|{people}>
{MISC:{award}} <winner|nominee|ceremony|jury>
{event} <final|winner|organisers|tickets|ceremony|crowd>
""",
    "who": "<{person}|{person}|{person}|{per}|{org}|{org}|{groups}|{country}|{cap}|{part}|{part}|{np}>",
    "what": "<{thing}|{thing}|{org}|{misc}|{np}|{place}|{whom}|{part}|{part}>",
}

_STORIES = {
    "politics": """
{person} <met|hosted|greeted|called|thanked|criticised|phoned|replaced|succeeded|defeated|endorsed> {person} in {city}
the {nat_adj} <government|parliament|cabinet|president|prime minister|army|opposition> {tv} {thing}
{person} <resigned|stepped down|was sworn in|was re-elected|was sacked|retired> [as {role} of {org}]
{country} and {country} <signed|agreed on|ratified|broke off|celebrated> a [{adj}] <treaty|deal|trade pact
  |ceasefire|agreement>
talks between {country} and {country} <collapsed|resumed|stalled|began> [in {city}]
{agency} <imposed|lifted|extended|condemned|discussed> sanctions on {country}
{groups} <voted|will vote|protested|marched|campaigned> <for|against> {person} [in {place}]
{person} <flew|travelled|returned|drove> to {place} <for talks with {person}|to meet {person}|to attend {event}>
{party} won {small} seats in {place}
{person} of {party} <beat|trailed|leads> {person} by {decimal} points
{country} <recalled|expelled|summoned> its ambassador <to|from> {country}
{country} 's {role} , {full} , <ruled out|called for|promised> {thing}
{person} <supports|opposes|signed|quit|violated> the {MISC:{law}}
thousands of {people} <gathered|marched|rallied> in {place} to <support|protest against> {per}
{creed_s} <in|from> {place} {tv} {thing}
{cap} <said|hopes|fears|denied|insists> [that] {country} {tv} {thing}
{cap} <accused|warned|suspects> {cap} <of|against|over> {v_ing} {thing}
{agency} <sent|will send> {small} <observers|envoys|peacekeepers|inspectors> to {place}
the {role} of {country} <visited|left|arrived in> {place}
{person} <joined|founded|left|leads> {party} {when}
{nat_adj} and {nat_adj} <leaders|ministers|diplomats|negotiators|troops> <met|clashed|agreed|gathered> in {place}
the <mayor|governor|people|leaders> of {LOC:<{cities}|{state}>} {tv} {np}
""",
    "cap": "{LOC:{cities}}",
    "creed_s": "{MISC:{creed}} <leaders|groups|voters|politicians|parties|activists>",
    "business": """
{company} <reported|posted|announced> a {decimal} percent <rise|fall|drop|increase> in <profit|sales|revenue|earnings>
{company} <bought|acquired|will buy|sold|is in talks to buy|took over> {company} for {money}
shares <in|of> {company} <rose|fell|jumped|slid|gained|lost> {decimal} <percent|%> [to {money}]
{company} <shares|stock|bonds> <rose|fell|closed up|closed down|traded> {decimal} <percent|%> [in {LOC:{cities}}]
{company} <will open|opened|closed|is building> a [{adj}] <factory|store|plant|office|warehouse> in {place}
{company} <hired|fired|named|appointed|promoted> {person} as [its] [new] {role}
{person} , <chief executive|chairman|founder|head|chief economist> of {company} , {tv} {thing}
{company} <launched|unveiled|recalled|will release|stopped selling> the [new] {product}
the {MISC:{index}} [<index|average|industrial average>] <rose|fell|ended|slipped> {decimal} <percent|points> [to {big}]
{company} <cut|will cut|plans to cut> {big} jobs in {place}
{agency} <raised|cut|left> <interest rates|its forecast> [for {country}] [by {decimal} percentage points]
{country} 's <economy|exports|trade deficit|central bank> <grew|shrank|fell|rose> {decimal} percent
{country} <exports|imports|sold> {goods} <to|from> {country}
{company} and {company} <agreed to merge|signed a deal|formed a joint venture|ended a partnership> [worth {money}]
a [{adj}] {noun} <at|by|of|with> {company} {tv} {people}
{agency} <sued|fined|investigated|approved> {company} over {thing}
{company} , based in {city} , <makes|sells|exports> {goods}
{company} , the {MISC:{cities} ~ -based} <maker|seller|exporter> of {goods} , {tv} {thing}
{nat_adj} <carmaker|retailer|bank|airline|drugmaker|software firm|oil company|insurer|start-up> {company} {tv} {thing}
{person} <owns|sold|bought|holds> {small} percent of {company}
the <dollar|euro|yen|pound> <rose|fell> against the {noun} in {LOC:{cities}}
{people} at {company} 's {LOC:{cities}} <plant|office|headquarters|store> {tv} {thing}
{product} users in {place} {tv} {thing}
{company} <plane|flight|ship|truck|lorry> {tv} {thing} near {place}
""",
    "sport": """
{side} <beat|defeated|lost to|drew with|thrashed|edged|will play|hosted> {side} {score} [<in {event}|{when}|at
  {LOC:{venue}}>]
{person} <scored|missed|headed|hit> <a goal|twice|a penalty|the winner|a hat-trick> <for|against> {side}
{person} <beat|defeated|overcame|lost to> {person} {set} {set} [{set}] [in the <final|second round> of {event}]
{club} <signed|sold|bought|released|loaned> {person} <from|to> {club} [for {money}]
{club} <coach|captain|striker|manager|goalkeeper|defender|owner|midfielder> {full} {tv} {thing}
{person} <won|lost|withdrew from|reached the final of|will miss|is favourite for> {event}
{person} , the {nat_adj} {role} , <won|took|missed> the <title|gold medal|race|silver medal>
{side} <reached|won|qualified for|were knocked out of> {event}
{city} will host {event} [in {year}]
{per} 's <goal|penalty|injury|home run|late winner> <helped|put|gave> {side} <ahead|a point|into the final>
{side} fans {tv} {thing}
{nat_adj} <champions|team|side|players|league leaders> {club} {tv} {thing}
{person} <ran|swam|finished in|set a record of> {time} [in {event}]
{person} plays {sports} for {club}
{person} <joined|left|coached|played for> {side} {when}
{club} <play|face|visit|meet|travel to> {side} {when}
{person} of {country} <finished second|was third|crashed|led the race> [in {event}]
{side} , <led|coached|managed> by {per} , <won|lost> {small} <games|matches>
{person} <was injured|was sent off|was booked|was dropped> in {side} 's {score} <win|defeat|draw> <over|against> {side}
{LOC:{venue}} will stage {event}
""",
    "crime": """
police in {place} <arrested|charged|questioned|shot|detained|are looking for> {whom} [<over|for|on suspicion of>
  {crimes}]
{person} was <arrested|jailed|charged|convicted|acquitted|found guilty> <of|with|for> {crimes} [in {place}]
a court in {city} <sentenced|jailed|acquitted|fined> {person} [for {crimes}]
a [{adj}] <bomb|blast|fire|shooting|attack> in {place} killed [at least] {small} {people}
{small} {people} were <killed|wounded|injured|kidnapped|rescued> <near|in|outside> {place}
{person} <pleaded guilty to|denied|confessed to> {crimes}
{agency} <is investigating|raided|searched> <{company}|the home of {per}|offices in {city}>
{groups} <killed|attacked|kidnapped|wounded> {small} {people} in {place}
{agency} <claimed responsibility for|condemned|blamed {country} for> the <attack|bombing|killing>
<gunmen|rebels|militants|soldiers|pirates> <seized|attacked|shelled|stormed> <a village|a hotel|a bus|the airport>
  in {place}
the trial of {person} <opened|ended|was adjourned> in {city}
judge {full} <ordered|told|warned> {whom} to {v_b} {thing}
{agency} <fighters|agents|soldiers|inspectors|officers> <entered|left|surrounded|bombed> {place}
the body of {full} was found <in|near> {place}
{per} 's <lawyer|widow|brother|mother|son|sister> {tv} {thing}
""",
    "science": """
{nat_adj} <scientists|researchers|astronomers|doctors|engineers> <found|discovered|developed|tested> {thing}
researchers at {school} <found|discovered|have shown|reported|warned> that {np} {tv} {np}
{person} of {school} <led|published|criticised> {thing}
{agency} <approved|rejected|tested|launched> {thing}
the {noun} was <published|reported> in {ORG:<Nature|Science|{presses}|Lancet>}
{species} in {place} are <threatened by|dying because of|recovering from> {mass}
{agency} <launched|lost contact with|will launch> the {product} <probe|rocket|satellite|spacecraft|telescope>
{person} <won|was awarded|received|shared> the {MISC:{award}} [for {thing}]
a <vaccine|drug|treatment> made by {company} <protects|helps|could save> {np}
{person} , <a|the> [{nat_adj}] {role} at {school} , {tv} {thing}
the {noun} was <invented|discovered|described> by {person} [in {year}]
{people} from {school} and {school} {tv} {thing}
{small} {people} in {place} have <covid-19|malaria|cholera|ebola|measles|the flu>
""",
    "weather": """
<a storm|heavy rain|an earthquake|a cyclone|strong winds|heavy snow|a heatwave|a tsunami> <hit|struck|is heading
  for|battered> {place}
floods <in|across> {place} <killed|displaced|trapped> {number}
<rain|snow|sunshine|fog> is forecast for {place} [and {place}]
{MISC:Hurricane {given}} <hit|struck|weakened off|battered|moved towards> {place}
temperatures in {place} <reached|fell to|will reach> {small} degrees
a magnitude {decimal} earthquake <shook|hit> {place}
the {LOC:{water}} [<river|River>] <burst its banks|rose|froze|flooded villages> [near {city}]
wildfires <burned|forced evacuations|destroyed homes> in {place}
{LOC:<Mount {surname}|Mount {town}>} erupted {when}
""",
    "culture": """
{person} <wrote|directed|starred in|read|translated|produced|published|performed> {work}
{work} <opened|premiered|won the {MISC:{award}}|was filmed|topped the charts> [in {place}]
{work} , <a film|a novel|an album|a play|a musical|a song> by {per} , {tv} {np}
{person} <won|was nominated for|received> {event}
{ORG:{band}} <released|played|recorded|will tour> [{work}] [in {place}]
the <band|rock group|orchestra|theatre company> {ORG:<{band}|{coined}|The {title_adj} {title_noun} ~ s>} {tv} {thing}
an exhibition of {per} 's <paintings|photographs|work> <opened|is on show> at {school}
{person} <sang|danced|played the piano|conducted|appeared> <at|with> {school}
{person} <speaks|teaches|is learning|studied|writes in> {MISC:{language}} [and {MISC:{language}}]
{work} was <translated into|published in> {MISC:{language}}
{person} <married|divorced|is dating|met> {person} in {place}
{per} and [<his|her>] <wife|husband|daughter|son|brother> {full} <live in|moved to|left> {place}
<actress|actor|singer|director|author> {full} <died|was born|was honoured> in {place}
the {nat_adj} <film|version|edition|translation|embassy|restaurant|community> {tv} {thing}
{groups} <celebrated|observed|marked> {MISC:{religion}} [in {place}]
{press} <reported|published|ran|won|broadcast> {thing} [about {whom}]
{person} was interviewed by {press}
the {MISC:{language}} <language|word|text|alphabet> {tv} {np}
""",
    "facts": """
{LOC:{cities}} is <the capital|the largest city|a city|a port> <of|in> {country}
{LOC:{town}} is a <town|village|suburb|district> in {LOC:{state}} , {country}
{full} ( born {date} {month} {year} ) is a {nat_adj} {role} [who {tv} {np}]
{full} was a {nat_adj} {role} and {role}
{full} was born in {city} {when}
{per} <studied|taught|graduated> at {school} [before moving to {place}]
{company} was <founded|bought|created> by {full} [and {full}] in {year}
{org} is <a|an> [{adj}] [{nat_adj}] <company|organisation|group|charity|body|firm|agency> based in {city}
the {LOC:{water}} flows through {country} [and {country}]
the {LOC:{mountain}} lie between {country} and {country}
{country} <has|had> a population of {number}
{country} <borders|invaded|occupied|recognised|trades with|left|joined> {country}
the {noun} <lies|is|stands> {small} <miles|km> <north|south|east|west> of {LOC:{cities}}
{LOC:{island}} , off the coast of {country} , {tv} {thing}
{MISC:{events}} <began|ended|was held> in {year}
{per} became [the] {role} of {org} in {year}
the road from {LOC:{cities}} to {LOC:{cities}} <passes|crosses|runs through> {place}
about {number} {groups} live in {place}
{per} <is a member of|works for|chairs|left|joined|volunteers at|was president of> {org}
the <ship|station|street|airport|school|bridge> was named after {full}
""",
    "daily": """
my <sister|brother|friend|boss|teacher|neighbour|uncle|cousin> {PER:{given}} <lives in|moved to|loves|comes from>
  {place}
<I|we|they|she|he> <flew|drove|took the train|travelled> from {LOC:{cities}} to {LOC:{cities}} [with {company}]
<I|we|she|he|they> <bought|sold|ordered|returned> a {product} <from|at|on> {company}
<I|we|she|he|they> <visited|left|loved|remember> {place}
<I|we|she|he|they> <work|worked|studied|met> <at|with> {org}
<she|he> <is|was> {MISC:{nat}} and {tv} {np}
{PER:{given}} and {PER:{given}} <went to|met in|stayed in|got married in> {place}
{PER:{given}} <told|asked|called|helped> {PER:{given}}
<I|we|they> <like|ate|cooked|prefer> {MISC:{nat}} <food|wine|cheese|music|films>
{people} <at|from|of> {org} {tv} {thing}
{people} from {place} {tv} {thing}
{person} works for {org} in {city}
{org} {tv} {thing}
{who} {tv} {what}
{who} and {who} {tv} {what}
2* {who} {does}
2* {place} <{does}|{tv} {np}|{relates} {np}>
2* {who} {relates} {what}
{np} {relates} {who}
{who} <asked|told|urged|allowed|ordered> {who} to {v_b} {what}
{who} <put|kept|left|hid|found> {np} <in|near|at|outside> {place}
{who} , <which|who> {tv} {np} , {tv} {what}
{np} {tv} {whom}
{thing} was {v_d} by {whom}
<it|this> was {person} who {tv} {what}
there <is|was> [{adj}] {mass} in {place}
""",
    "plain": """
{np} {tv} {np}
3* {pron} {tv} {np}
{np} {tv} {np} {plain_tail}
{np} and {np} {tv} {np}
there <is|was|were> <no|little|a|enough> {np}
<I|we|they|you> <think|know|hope|feel|doubt> [that] {np} {tv} {np}
it <is|was> <important|hard|easy|possible|too late|time> to {v_b} {np}
{people} said {np} {tv} {np}
{np} was {v_d} {plain_tail}
<the|a> {adj} {noun} {plain_tail} , a {adj} {noun} , {tv} {np}
{number} {people} {tv} {np}
<prices|sales|profits|exports|costs> <rose|fell> {decimal} <percent|%> {plain_tail}
{people} <are|were> <worried about|afraid of|happy with|looking for> {np}
if {np} {tv} {np} , {np} {mod} {v_b} {np}
what {people} need is {np}
{np} is more {adj} than {np}
{role} and {role} {tv} {np}
a {role} {tv} the {noun}
<mix|stir|add|chop|boil|wash|buy|avoid> the {food} and <serve|leave|cover|store> it {plain_tail}
<he|she|I|we|they> <wore|carried|lost|repaired|painted|borrowed|dropped> <a|the> [{adj}] {object} {plain_tail}
the {object} <broke|fell|disappeared|stood|lay|stopped|burned> {plain_tail}
2* {np} {does} {plain_tail}
{pron} {does} {plain_tail}
2* {np} {relates} {np}
{food} , {food} and {food} are <cheaper|dearer|healthier|rarer> than {food}
<the|a> {living} {does} <near|behind|under|inside> the {object}
""",
    "plain_tail": """
4* {when}
<despite|because of|amid|after|before|during|without|in|near|at> {np}
to {v_b} {np}
for {small} <years|days|weeks|months|hours|minutes>
<as|because|although|when|after> {np} {tv} {np}
and {tv} {np}
""",
}

_FRAMES = {
    "clause": """
6* {politics}
6* {business}
5* {sport}
4* {crime}
3* {science}
2* {weather}
3* {culture}
3* {facts}
4* {daily}
""",
    "quoted": """
{clause}
3* {plain}
{pron} {mod} {v_b} {what}
<I|we> <love|trust|miss|respect|know|thank|support> {whom}
<this|that|it> is [not] {adj} for {whom}
""",
    "headline": """
{short_who} <to|will|may|wo n't> {v_b} {short_what}
{short_who} <wins|loses|backs|rejects|denies|sues|leaves|joins|plans|seeks> {short_what}
{company} shares <fall|rise|jump|slump> {decimal} percent
{short_who} , {short_who} <sign deal|end talks|clash|agree truce>
{nat_adj} {people} <protest|strike|win|die> [in {place}]
{small} <dead|killed|hurt|missing|held> in {LOC:{cities}} <blast|fire|crash|flood|attack>
{noun} <hits|rocks|shakes|divides> {place}
{short_who} : {short_what}
{LOC:{cities}} <police|court|mayor|school|airport> {v_b} {noun}
<soccer|tennis|cricket|rugby|golf|cycling> - {short_who} <wins|beats|loses to|leads> {short_who}
{adj} {noun} for {people}
{mass} : {adj} {noun}
{place} <votes|mourns|waits|celebrates>
{last} <wins|quits|dies at {age}|returns to {place}|beats {last}>
""",
    "short_who": """
<{last}|{full}|{ORG:{companies}}|{ORG:{clubs}}|{ORG:{agencies}}|{LOC:{countries}}|{ORG:{bare_agency}}|{LOC:{cities}}
  |{LOC:{short_country}}>
""",
    "short_what": """
<{adj} {noun}|{mass} {noun}|{MISC:{nat}} {noun}|{LOC:{cities}} {noun}|{last}|{ORG:{companies}}|{MISC:{events}}|{adj}
  {MISC:{nat}} {noun}>
""",
    "table": """
{side_name} {goals} {side_name} {goals}
{ORG:{cities}} {points} {ORG:{cities}} {points}
{ORG:{clubs}} {goals} {ORG:{clubs}} {goals}
{small} . {full} ( {LOC:{countries}} ) {time}
{full} ( {LOC:{countries}} ) beat {full} ( {LOC:{countries}} ) {set} {set}
{ORG:{cities}} at {ORG:{cities}}
{ORG:{clubs}} vs {ORG:{clubs}} , {LOC:{venue}} , {clock}
{LOC:{cities}} {month} {date} {year}
{LOC:{cities}} , {month} {date} ( {ORG:{presses}} ) - {clause} .
{LOC:{cities}} - {clause} .
{ORG:{clubs}} {small} {small} {small} {small} {goals} {points}
{last} {goals} , {last} {goals} , {last} {goals}
scorers : {last} {date} , {last} {age}
{LOC:{countries}} : {full} , {full} , {full} and {full}
{ORG:{coined} {suffix}} {decimal} + {decimal} {big}
{full} , {org}
( {ORG:{presses}} )
by {full}
by {full} in {LOC:{cities}}
""",
    "side_name": "<{LOC:{countries}}|{ORG:{cities}}|{ORG:{clubs}}>",
    "question": """
<did|will|can|should|does> {who} {v_b} {what} ?
<why|when|how|where> <did|will|does> {who} {v_b} {what} ?
who <is|was> {person} ?
what <happened|is happening> <to|in|at> <{place}|{org}|{per}> ?
have you <seen|read|heard of|visited> {what} ?
is {place} <safe|expensive|worth visiting> ?
<did|will|can|should> {np} {v_b} {np} ?
""",
    "plain_sentence": """
6* {plain} .
3* {plain} {plain_tail} .
2* {plain} {plain_tail} {plain_tail} .
2* {plain} , but {plain} .
2* " {plain} , " <he|she|one of the {people}|a {role}|the {role}> said .
<however|meanwhile|still|{when}> , {plain} .
{plain} and {plain} {plain_tail} .
{adj} {noun}
<sorry|well|yes|no> , {plain} .
<see|read|note> the {noun} <below|above> .
how <long|far|much> {mod} {np} {v_b} {np} ?
<do n't|please|never|always> {v_b} the {noun} {plain_tail} .
""",
    "sentence": """
14* {clause} .
28* {clause} {tail} .
24* {clause} {tail} {tail} .
10* {front} , {clause} .
10* {front} , {clause} {tail} .
8* " {quoted} , " {said_by} .
4* " {quoted} , " {said_by} . " {quoted} . "
3* {source} : " {quoted} . "
9* {source} {that} {clause} [{tail}] .
3* {source} {that} {clause} and that {plain} .
4* {clause} , {source} said [{when}] .
3* according to {source} , {clause} .
4* {clause} , and {clause} .
5* {clause} , <but|while|although|because|as|after|so> {clause} .
2* {clause} ; {plain} .
7* {headline}
8* {table}
3* {question}
29* {plain_sentence}
2* {place} , {place} and {place} <are|were> <popular with|far from|open to> {people} .
2* {full} , {full} , {full} and {full} {tv} {what} .
2* {org} , {org} and {org} {tv} {thing} .
2* {person} -- {tv} {np} -- {tv} {what} .
2* the {noun} , {v_d} by {whom} {when} , {tv} {what} .
2* <thanks to|because of|with help from> {whom} , {np} {tv} {np} .
2* {thing} {tv} {what} .
2* {np} <in|near|from|outside> {place} {tv} {what} {tail} .
""",
    "said_by": "<{source}|{source}|{person}> {said} [{when}]",
}

GRAMMAR: dict[str, str] = {**_NAMES, **_PHRASES, **_STORIES, **_FRAMES}
