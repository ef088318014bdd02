//! `seeds TARGET FOLDER`: writes the seeds of a target, each under its number, to `FOLDER/seeds`, and `FOLDER/dictionary`.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = &args[..] else { return Err(std::io::Error::other("seeds TARGET FOLDER")) };
    let target = farebox_fuzz::TARGETS.iter().find(|target| target.name == name);
    let target = target.ok_or_else(|| std::io::Error::other(format!("no target is called {name}")))?;
    let seeds = Path::new(folder).join("seeds");
    fs::create_dir_all(&seeds)?;
    fs::write(Path::new(folder).join("dictionary"), target.dictionary())?;
    (target.seeds)()
        .iter()
        .enumerate()
        .try_for_each(|(number, seed)| fs::write(seeds.join(format!("{number:03}")), seed))
}
