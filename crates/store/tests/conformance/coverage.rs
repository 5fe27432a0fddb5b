//! Sees to it that no statement goes without a run on both engines.

use std::fs;
use std::path::Path;

/// Every public function of a repository module is called somewhere in this suite.
#[test]
fn every_repository_function_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = String::new();
    for entry in fs::read_dir(root.join("tests/conformance")).unwrap() {
        tests.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let mut functions = 0;
    let mut missing = Vec::new();
    for module in lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
    {
        if module == "testing" {
            continue;
        }
        let mut source = fs::read_to_string(root.join(format!("src/{module}.rs"))).unwrap();
        for part in fs::read_dir(root.join(format!("src/{module}"))).into_iter().flatten() {
            let path = part.unwrap().path();
            // Folders inside hold what is private to a file of the module.
            if path.is_file() {
                source.push_str(&fs::read_to_string(path).unwrap());
            }
        }
        for function in source.lines().filter_map(|line| line.strip_prefix("pub fn ")) {
            let name = &function[..function.find(['(', '<']).unwrap()];
            functions += 1;
            if !tests.contains(&format!("{module}::{name}(")) {
                missing.push(format!("{module}::{name}"));
            }
        }
    }
    assert!(
        functions > 100,
        "only {functions} functions were found, so this test looks at the wrong places"
    );
    assert!(missing.is_empty(), "not tried: {missing:?}");
}
