//! What an item promises, checked on a sale of ten thousand units.

use std::collections::HashSet;

use super::{
    backdrop::Backdrop,
    design::{DESIGNS, Design},
    name,
    object::Object,
    palette::PALETTES,
    picture, random,
};
use domain::{SaleId, Unit};

#[test]
fn an_item_is_the_same_every_time() {
    let (sale, unit) = (sale(7), unit(137));

    assert_eq!(name(sale, unit), name(sale, unit));
    assert_eq!(picture(sale, unit), picture(sale, unit));
}

/// Buyers were promised these. If this fails, the drawing changed and so did the item of
/// everyone who ever bought one: undo the change, or let it begin with a sale yet to come.
#[test]
fn a_promised_item_never_changes() {
    let names = [(1, 1), (7, 137), (8, 137), (1_000_000, 10_000)]
        .map(|(sale_number, number)| name(sale(sale_number), unit(number)));
    let pictures = (1..=10).flat_map(|number| {
        units(200).map(move |unit| picture(sale(number), unit)).collect::<Vec<_>>()
    });

    assert_eq!(
        names,
        [
            "Onyx Breeze Balloon No. 1",
            "Mulberry Seaside Balloon No. 137",
            "Porcelain Island Kite No. 137",
            "Sapphire Hillside Lamp No. 10000"
        ]
    );
    assert_eq!(format!("{:016x}", fingerprint(pictures)), "1a0e12e142e216c7");
}

#[test]
fn a_name_is_plain_and_of_reasonable_length() {
    let largest = name(sale(SALE_MAX), unit(UNIT_MAX));

    for name in units(10_000).map(|unit| name(sale(7), unit)).chain([largest]) {
        assert!((1..=80).contains(&name.len()), "{name}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .".contains(&byte)),
            "{name}"
        );
    }
}

#[test]
fn no_two_units_of_a_sale_share_a_title() {
    for number in 1..=3 {
        let titles: HashSet<_> =
            units(10_000).map(|unit| Design::of(sale(number), unit).title()).collect();

        assert_eq!(titles.len(), 10_000);
    }
}

#[test]
fn no_two_units_share_a_drawing() {
    let drawing = |sale: SaleId, unit: Unit| {
        let tag = format!("-{sale}-{unit}");
        let number = format!("No. {unit}<");
        picture(sale, unit).replace(&tag, "").replace(&number, "")
    };

    let drawings: HashSet<_> = [sale(1), sale(2)]
        .into_iter()
        .flat_map(|sale| units(PICTURES).map(move |unit| drawing(sale, unit)))
        .collect();

    assert_eq!(drawings.len(), 2 * PICTURES as usize);
}

#[test]
fn a_title_fits_its_caption() {
    // Even a broad serif needs no more than ten units a letter, and the card has 400.
    const LETTERS_MAX: usize = 37;

    let longest = units(DESIGNS).map(|unit| Design::of(sale(7), unit).title().len()).max();

    assert!(longest <= Some(LETTERS_MAX), "{longest:?}");
}

#[test]
fn two_sales_show_their_items_in_different_order() {
    let designs = |number| units(100).map(move |unit| Design::of(sale(number), unit).title());

    let same = designs(7).zip(designs(8)).filter(|(left, right)| left == right).count();

    assert!(same <= 2, "{same} of a hundred are the same");
}

#[test]
fn every_object_backdrop_and_shade_occurs() {
    let designs: Vec<_> = units(10_000).map(|unit| Design::of(sale(7), unit)).collect();

    for object in Object::ALL {
        let count = designs.iter().filter(|design| design.object == object).count();
        assert!((800..1_200).contains(&count), "{count} of {object:?}");
    }
    for backdrop in Backdrop::ALL {
        for word in backdrop.words() {
            let count = designs.iter().filter(|design| design.scene == word).count();
            assert!((100..240).contains(&count), "{count} of {word}");
        }
    }
    for shade in PALETTES.iter().flat_map(|palette| palette.shades) {
        let count = designs.iter().filter(|design| design.shade == shade).count();
        assert!((160..320).contains(&count), "{count} of {}", shade.word);
    }
}

#[test]
fn the_pictures_looked_at_show_every_object_before_every_backdrop() {
    let mut scenes = Vec::new();

    for design in units(PICTURES).map(|unit| Design::of(sale(7), unit)) {
        let scene = (design.object, design.backdrop);
        if !scenes.contains(&scene) {
            scenes.push(scene);
        }
    }

    assert_eq!(scenes.len(), Object::ALL.len() * Backdrop::ALL.len());
}

#[test]
fn no_word_says_two_things() {
    let shades = PALETTES.iter().flat_map(|palette| palette.shades).map(|shade| shade.word);
    let scenes = Backdrop::ALL.into_iter().flat_map(Backdrop::words);
    let words: Vec<_> = shades.chain(scenes).chain(Object::ALL.map(Object::word)).collect();

    let distinct: HashSet<_> = words.iter().collect();

    assert_eq!(distinct.len(), words.len());
}

#[test]
fn a_shuffle_gives_every_position_its_own_place() {
    for count in [1, 2, 3, 1_000, 1_024, 1_025, DESIGNS] {
        let places: HashSet<_> =
            (0..count).map(|position| random::shuffled(sale(7), position, count)).collect();

        assert_eq!(places.len(), count as usize);
        assert!(places.iter().all(|&place| place < count));
    }
}

#[test]
fn a_picture_is_well_formed() {
    let largest = picture(sale(SALE_MAX), unit(UNIT_MAX));

    for svg in units(PICTURES).map(|unit| picture(sale(7), unit)).chain([largest]) {
        if let Err(why) = check_tags(&svg) {
            panic!("{why}: {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn a_picture_bears_its_items_name() {
    for unit in units(PICTURES) {
        let svg = picture(sale(7), unit);
        let name = name(sale(7), unit);

        assert!(svg.contains(&format!("<title>{name}</title>")), "{svg}");
    }
}

#[test]
fn a_picture_is_small_and_needs_nothing_from_outside() {
    for unit in units(PICTURES) {
        let svg = picture(sale(7), unit);

        assert!((2_000..16_000).contains(&svg.len()), "{} bytes", svg.len());
        assert!(svg.starts_with(r#"<svg xmlns="http://www.w3.org/2000/svg" "#), "{svg}");
        assert_eq!(svg.matches("http").count(), 1, "{svg}");
        for stranger in ["<script", "<image", "<style", "<foreignObject", " on", "data:"] {
            assert!(!svg.contains(stranger), "{stranger} in {svg}");
        }
    }
}

#[test]
fn a_picture_refers_only_to_ids_of_its_own() {
    for unit in units(PICTURES) {
        let svg = picture(sale(7), unit);
        let ids: Vec<_> = between(&svg, r#" id=""#, '"').collect();
        let used: HashSet<_> =
            between(&svg, "url(#", ')').chain(between(&svg, r##"href="#"##, '"')).collect();

        let distinct: HashSet<_> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "an id is given twice: {svg}");
        assert!(used.is_subset(&distinct), "{used:?} of {distinct:?}");
        let tag = format!("-7-{unit}");
        assert!(ids.iter().all(|id| id.ends_with(&tag)), "{ids:?}");
    }
}

/// How many pictures the tests look at.
const PICTURES: u32 = 1_000;
/// The largest numbers the service knows.
const SALE_MAX: i64 = (1 << 40) - 1;
const UNIT_MAX: u32 = 1_000_000;

fn sale(number: i64) -> SaleId {
    number.try_into().unwrap()
}

fn unit(number: u32) -> Unit {
    number.try_into().unwrap()
}

/// The units from 1 to `count`.
fn units(count: u32) -> impl Iterator<Item = Unit> {
    (1..=count).map(unit)
}

/// A hash that no library's next version changes (FNV-1a).
fn fingerprint(texts: impl Iterator<Item = String>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// Every text that stands between `before` and the next `after`.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(after)?.0))
}

/// Checks that every tag is closed in its turn and that attributes are quoted: as much of XML
/// as the pictures use.
fn check_tags(svg: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some((text, tail)) = rest.split_once('<') {
        if text.contains(['>', '&']) || (open.is_empty() && !text.is_empty()) {
            return Err(format!("stray text {text:?}"));
        }
        let (tag, tail) = tail.split_once('>').ok_or("a tag does not end")?;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else {
            let inner = tag.strip_suffix('/').unwrap_or(tag);
            let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
            check_attributes(attributes)?;
            if inner == tag {
                open.push(name);
            }
        }
        rest = tail;
    }
    if open.is_empty() && rest.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

fn check_attributes(attributes: &str) -> Result<(), String> {
    let mut names = HashSet::new();
    let mut rest = attributes;
    while !rest.is_empty() {
        let (name, tail) = rest.split_once(r#"=""#).ok_or("an attribute has no value")?;
        let (value, tail) = tail.split_once('"').ok_or("a value does not end")?;
        if !names.insert(name) || name.contains([' ', '"']) || value.contains(['<', '&']) {
            return Err(format!("attribute {name}={value:?}"));
        }
        rest = tail.strip_prefix(' ').unwrap_or(tail);
    }
    Ok(())
}
