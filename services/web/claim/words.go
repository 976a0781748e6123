package claim

import "strings"

// words are the code's words: short, concrete, easily told apart when read
// over a telephone, none of them rude, none the plural or sound-alike of
// another. No two begin with the same four letters, so a smudged ending still
// leaves one reading. The list is the box's own.
func words() []string { return strings.Fields(wordList) }

const wordList = `
acorn actor adobe agate agent album alder alley almond alpha amber anchor angle ankle anvil apple apricot apron arch
arena armor arrow artist ashes aspen atlas attic august aunt autumn avenue axle azure
bacon badge bagel baker balcony bamboo banjo banner barley barn basil basket beach beam bean beaver bell bench berry
birch biscuit bishop blanket blossom blue board boat bolt bonnet book boot bottle boulder bowl bracket branch brass bread brick bridge
brook brush bucket buffalo bugle bundle butter
cabin cable cactus camel canal candle canoe canvas captain caravan carbon cargo carpet carrot cart castle cathedral cave cedar
cello cement chalk chapel cherry chess chimney china chorus cider cinema circle citrus clay cliff clock cloud clover coach coast
cobalt cocoa coffee coil comet compass concert copper coral cork corner cotton cousin crane crater cricket crown crystal cube cupboard curtain
cushion cycle cypress
daisy dancer daylight delta denim desert diamond diesel dinner dipper dolphin domino donkey doorway dove dragon drawer dream drum duck
dune dust
eagle earth easel echo eight elbow elder elephant eleven elm ember emerald engine envelope epoch estate evening
fabric falcon family farm feather fence fern ferry fiddle field finch finger flag flame flint flour flute foggy folder forest
fossil fountain fox frame freckle friend frost fruit furnace
gallery garden garlic garnet gate gazelle gentle geyser giant ginger giraffe glacier glass globe glove goat gold goose gospel grain
granite grape grass green guitar gulf
hammer harbor harvest hazel heart hedge helmet heron hickory hill honey hood horizon horse hotel house husky hut
iceberg igloo indigo inkwell iris iron island ivory ivy
jacket jade jaguar jasmine jelly jewel jigsaw jockey journal judge juice july jumper june jungle juniper
kangaroo kayak kennel kernel kettle keyboard kitchen kite kiwi knight knot koala
label ladder lagoon lake lamp lantern larch lark laurel lava lawn leaf leather ledger lemon letter library lilac lily
lime linen lion lobby locket lodge log lotus lumber lunar lynx
magnet magpie mallet mango mantle maple marble market mast meadow medal melody mercury metal meteor midday milk mill mineral
mint mirror mitten moat mole monday moon moss motor mountain mulberry museum mushroom music mustard
napkin narrow nation navy nectar needle nephew nest nickel night nine noble noodle north notebook novel nutmeg nylon
oasis oat oboe ocean october office olive onion opal opera orange orbit orchard organ osprey otter oven owl oxygen oyster
paddle palace palm panda panther papaya paper parade parcel park parrot pasta path peach pearl pebble pelican pencil pepper
perch petal phoenix piano picnic pigeon pillow pilot pine pioneer pirate planet plate plaza plum pocket poem polar pond pony poplar
poppy porch postcard potato prairie prism pudding puffin pumpkin puppet purple puzzle pyramid
quail quartz queen quill quince quiver
rabbit raccoon radio raft rain raisin ranch raven record reef ribbon river roast robin rocket roof rope rose rowboat royal
ruby rudder rumba rustic
saddle saffron salad salmon sample sand sapphire satin saturn sauce school scooter scout seagull season seed seven shadow sheep
shell sherry shield ship shore shuttle silver singer siren six sketch sled slipper snow socket sofa solar sonata soup south spark
spice spider spinach spoon spring spruce squash stable stair star station steam stone stork straw street studio sugar sulfur summer sunday
surf swan sweater swing sycamore
table talent tango tartan teacher teapot temple tennis thimble thistle thunder ticket tiger timber toast tomato topaz torch tower toy tractor
trail tree trumpet tulip tundra tunnel turnip turtle twelve twilight twin
umbrella uncle unicorn union
valley vanilla vase velvet venus verse vessel viking village vine violin visitor volcano voyage
wafer wagon walnut walrus warbler water weather wedding west whale wheat whistle willow winter wolf wonder wood wool
yacht yarn yellow yodel yogurt
zebra zenith zephyr zinc zipper
`
