//! Lays out the tables that texts are counted with, so that a program starts with them ready in memory.

use std::path::{Path, PathBuf};
use std::{env, fs};

use farebox_data::layout::{find::Units, make};
use farebox_data::merges::Merges;
use farebox_data::vocab::frames;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    if env::var_os("CARGO_FEATURE_TABLES").is_some() {
        lay_out_vocabularies(&out);
    }
    let kinds = kinds();
    fs::write(out.join("classes.bin"), classes(&kinds)).expect("OUT_DIR can be written");
    fs::write(out.join("caseless.bin"), caseless(&kinds)).expect("OUT_DIR can be written");
}

/// Lays out the vocabularies that are counted without anything being built first.
fn lay_out_vocabularies(out: &Path) {
    for (name, frame) in [("o200k_base", frames::O200K_BASE), ("cl100k_base", frames::CL100K_BASE)] {
        let merges = Merges::unpack(&[frame]).unwrap_or_else(|| panic!("{name}: no frame of merges"));
        let words = make::make_of(&merges, true, Units::Bytes).unwrap_or_else(|| panic!("{name}: not laid out"));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        fs::write(out.join(name).with_extension("tables"), bytes).expect("OUT_DIR can be written");
    }
}

/// The kinds and flags of all characters, for `src/fast/class.rs`.
fn kinds() -> Vec<u8> {
    let mut kinds = vec![8; 0x11_0000];
    let kinds_of_regexes = [
        (r"[\p{Lu}\p{Lt}]", 0),
        (r"\p{Ll}", 1),
        (r"[\p{Lm}\p{Lo}]", 2),
        (r"\p{M}", 3),
        (r"\p{N}", 4),
        (r"\s", 6),
        (r"[ ]", 5),
        (r"[\r\n]", 7),
    ];
    for (regex, kind) in kinds_of_regexes {
        each_of(regex, |code| kinds[code] = kind);
    }
    let cjk = "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]";
    for (regex, flag) in [(r"\p{Han}", 0x10), (cjk, 0x20), (r"[\p{P}\p{S}]", 0x40)] {
        each_of(regex, |code| kinds[code] |= flag);
    }
    kinds
}

/// One bit for each character of up to three bytes: whether it is a letter without case.
fn caseless(kinds: &[u8]) -> Vec<u8> {
    let bits = |eight: &[u8]| eight.iter().rev().fold(0, |byte, kind| byte << 1 | u8::from(kind & 0xf == 2));
    kinds[..1 << 16].chunks(8).map(bits).collect()
}

/// Which page each 256 code points have, and the pages.
fn classes(kinds: &[u8]) -> Vec<u8> {
    let (mut index, mut pages) = (Vec::new(), Vec::new());
    for page in kinds.chunks(256) {
        let at = pages.iter().position(|other| *other == page).unwrap_or(pages.len());
        if at == pages.len() {
            pages.push(page);
        }
        index.push(u8::try_from(at).expect("fewer than 256 different pages"));
    }
    index.into_iter().chain(pages.concat()).collect()
}

/// Calls `put` with every code point of a class.
fn each_of(class: &str, mut put: impl FnMut(usize)) {
    use regex_syntax::hir::{Class, HirKind};
    let parsed = regex_syntax::parse(class).unwrap_or_else(|e| panic!("{class}: {e}"));
    match parsed.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().flat_map(|r| r.start() as usize..=r.end() as usize).for_each(&mut put);
        }
        // A class of one character is parsed as that character.
        HirKind::Literal(literal) => literal.0.iter().for_each(|byte| put(usize::from(*byte))),
        _ => panic!("{class}: not a class"),
    }
}
