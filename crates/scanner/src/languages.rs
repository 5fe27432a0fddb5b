//! Which language a file is in: one per file, by its name or suffix.

/// Languages by key, with the suffixes of their files (lower case, without the dot). A suffix belongs to one language.
const LANGUAGES: &[(&str, &[&str])] = &[
    ("abap", &["abap"]),
    ("ada", &["ada", "adb", "ads"]),
    ("apex", &["cls"]),
    ("azureresourcemanager", &["bicep"]),
    ("c", &["c", "h"]),
    ("clojure", &["clj", "cljs"]),
    ("cpp", &["cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "ipp"]),
    ("cs", &["cs", "razor"]),
    ("css", &["css", "scss", "less", "sass"]),
    ("cue", &["cue"]),
    ("d", &["d"]),
    ("dart", &["dart"]),
    ("docker", &["dockerfile"]),
    ("elixir", &["ex", "exs"]),
    ("erlang", &["erl", "hrl"]),
    ("fs", &["fs", "fsx"]),
    ("go", &["go"]),
    ("groovy", &["gradle", "groovy"]),
    ("haskell", &["hs"]),
    ("ipynb", &["ipynb"]),
    ("java", &["java", "jav"]),
    ("js", &["js", "jsx", "mjs", "cjs", "vue", "svelte"]),
    ("json", &["json"]),
    ("jsp", &["jsp", "jspf", "jspx"]),
    ("julia", &["jl"]),
    ("kotlin", &["kt", "kts"]),
    ("lua", &["lua"]),
    ("nix", &["nix"]),
    ("objc", &["m", "mm"]),
    ("ocaml", &["ml", "mli"]),
    ("perl", &["pl", "pm"]),
    ("php", &["php", "php3", "php4", "php5", "phtml", "inc"]),
    ("plsql", &["pkb", "pks", "plsql"]),
    ("powershell", &["ps1", "psm1"]),
    ("protobuf", &["proto"]),
    ("py", &["py", "pyi", "pyw"]),
    ("r", &["r"]),
    ("ruby", &["rb", "rake", "gemspec"]),
    ("rust", &["rs"]),
    ("scala", &["scala", "sc"]),
    ("shell", &["bash", "ksh", "sh", "zsh", "bats"]),
    ("sql", &["sql"]),
    ("swift", &["swift"]),
    ("terraform", &["tf", "tfvars", "hcl"]),
    ("toml", &["toml"]),
    ("ts", &["ts", "tsx", "mts", "cts"]),
    ("tsql", &["tsql"]),
    ("vbnet", &["vb"]),
    (
        "web",
        &[
            "html", "htm", "xhtml", "cshtml", "vbhtml", "aspx", "ascx", "rhtml", "erb", "shtm", "shtml", "cmp", "twig",
        ],
    ),
    ("xml", &["xml", "xsd", "xsl", "xslt", "csproj", "props", "targets"]),
    ("yaml", &["yaml", "yml"]),
    ("zig", &["zig"]),
];

/// The key of the language of a file, by its path; none if it is not known.
pub fn of_path(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    if lower == "dockerfile" || lower == "containerfile" || lower.starts_with("dockerfile.") {
        return Some("docker");
    }
    match lower.as_str() {
        "gemfile" | "rakefile" | "vagrantfile" => return Some("ruby"),
        "jenkinsfile" => return Some("groovy"),
        ".bashrc" | ".profile" | ".zshrc" => return Some("shell"),
        _ => {}
    }
    let (stem, suffix) = lower.rsplit_once('.')?;
    // A hidden file such as `.json` has no suffix, only a name.
    if stem.is_empty() {
        return None;
    }
    LANGUAGES
        .iter()
        .find(|(_, suffixes)| suffixes.contains(&suffix))
        .map(|(language, _)| *language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_suffix_or_name() {
        for (path, language) in [
            ("src/app.py", Some("py")),
            ("a/B.JAVA", Some("java")),
            ("deploy/Dockerfile", Some("docker")),
            ("Dockerfile.dev", Some("docker")),
            ("x/index.d.ts", Some("ts")),
            ("README.md", None),
            ("LICENSE", None),
            (".json", None),
        ] {
            assert_eq!(of_path(path), language, "{path}");
        }
    }

    #[test]
    fn a_suffix_belongs_to_one_language() {
        let mut suffixes: Vec<_> = LANGUAGES.iter().flat_map(|(_, suffixes)| *suffixes).collect();
        let count = suffixes.len();
        suffixes.sort_unstable();
        suffixes.dedup();
        assert_eq!(suffixes.len(), count);
    }
}
