//! Runs of the program as a user makes them: one test program for all, because each that links the library costs a build.

mod asked;
mod chat;
mod check;
mod check_code;
mod cli;
mod clock;
mod compare;
mod count;
mod dated;
mod dates;
mod doubling;
mod export;
mod facade;
#[cfg(target_os = "linux")]
mod faulty_disk;
mod first;
mod import;
mod lifecycles;
mod limits;
mod media;
mod names;
mod optimise;
mod output;
mod page;
mod plan;
mod planning;
mod reading;
#[cfg(target_os = "linux")]
mod screen;
mod show;
mod support;
mod tokenizers;
#[cfg(feature = "update")]
mod update;
mod upkeep;
mod usage;
mod usage_files;
mod validators;
mod watch;
mod what_if;
#[cfg(unix)]
mod workloads;
mod writing;
