//! The fuzz targets on what is kept of their inputs, and on changes of it: no fuzzer and no other compiler is needed.

#[path = "common/mutated.rs"]
mod mutated;
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub)] // the library of the fuzzer's programs
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mutated::mutated;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use targets::{TARGETS, Target};

/// Changes of each file.
const CHANGES: u32 = 20;

fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs a target on each of its files, and on changes of each.
fn replay((name, run): Target) {
    let files = files(name);
    assert!(!files.is_empty(), "{name} has no corpus");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let kept = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
        assert!(kept.is_ok(), "{} is a fault of the target {name}", file.display());
        let config = Config { cases: CHANGES, failure_persistence: None, ..Config::default() };
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..6);
        let changed = TestRunner::new_with_rng(config, random).run(&changes, |changes| {
            run(&mutated(&bytes, b"09-+.eE,:[]{}\" \n", &changes));
            Ok(())
        });
        assert!(changed.is_ok(), "{}, changed: {}", file.display(), changed.unwrap_err());
    }
}

macro_rules! each {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                let target = TARGETS.iter().find(|target| target.0 == stringify!($name));
                replay(*target.unwrap());
            }
        )*

        /// Every target has a test here, a program for the fuzzer, and its place in the manifest.
        #[test]
        fn all_are_tested() {
            assert_eq!(TARGETS.map(|target| target.0), [$(stringify!($name)),*]);
            let manifest = std::fs::read_to_string("fuzz/Cargo.toml").unwrap();
            for (name, _) in TARGETS {
                let program = std::fs::read_to_string(format!("fuzz/fuzz_targets/{name}.rs")).unwrap();
                assert!(program.contains(&format!("run(\"{name}\", bytes)")), "{name}");
                assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
            }
        }
    };
}

each!(
    archive, estimate, fast, items, losses, model, parameters, request, samples, statistics, trace, vectors
);
