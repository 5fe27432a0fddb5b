//! Which language a file is in: one per file, by its name or suffix.

/// Keys of languages by suffix (lower case, without the dot). The first entry of a suffix counts.
const SUFFIXES: &[(&str, &str)] = &[
    ("abap", "abap"), ("ada", "ada"), ("adb", "ada"), ("ads", "ada"),
    ("bash", "shell"), ("c", "c"), ("h", "c"), ("cc", "cpp"), ("cpp", "cpp"), ("cxx", "cpp"), ("c++", "cpp"),
    ("hh", "cpp"), ("hpp", "cpp"), ("hxx", "cpp"), ("ipp", "cpp"), ("clj", "clojure"), ("cljs", "clojure"),
    ("cls", "apex"), ("cs", "cs"), ("razor", "cs"), ("css", "css"), ("scss", "css"), ("less", "css"), ("sass", "css"), ("cue", "cue"),
    ("d", "d"), ("dart", "dart"), ("dockerfile", "docker"), ("ex", "elixir"), ("exs", "elixir"), ("erl", "erlang"), ("hrl", "erlang"),
    ("fs", "fs"), ("fsx", "fs"), ("go", "go"), ("gradle", "groovy"), ("groovy", "groovy"),
    ("hs", "haskell"), ("html", "web"), ("htm", "web"), ("xhtml", "web"), ("cshtml", "web"), ("vbhtml", "web"), ("aspx", "web"),
    ("ascx", "web"), ("rhtml", "web"), ("erb", "web"), ("shtm", "web"), ("shtml", "web"), ("cmp", "web"), ("twig", "web"),
    ("java", "java"), ("jav", "java"), ("jsp", "jsp"), ("jspf", "jsp"), ("jspx", "jsp"),
    ("js", "js"), ("jsx", "js"), ("mjs", "js"), ("cjs", "js"), ("vue", "js"), ("svelte", "js"), ("json", "json"), ("jl", "julia"),
    ("kt", "kotlin"), ("kts", "kotlin"), ("ksh", "shell"), ("lua", "lua"), ("m", "objc"), ("mm", "objc"), ("ml", "ocaml"), ("mli", "ocaml"),
    ("nix", "nix"), ("php", "php"), ("php3", "php"), ("php4", "php"), ("php5", "php"), ("phtml", "php"), ("inc", "php"),
    ("pl", "perl"), ("pm", "perl"), ("pkb", "plsql"), ("pks", "plsql"), ("plsql", "plsql"), ("proto", "protobuf"),
    ("ps1", "powershell"), ("psm1", "powershell"), ("py", "py"), ("pyi", "py"), ("pyw", "py"), ("ipynb", "ipynb"),
    ("r", "r"), ("rb", "ruby"), ("rake", "ruby"), ("gemspec", "ruby"), ("rs", "rust"), ("scala", "scala"), ("sc", "scala"),
    ("sh", "shell"), ("zsh", "shell"), ("bats", "shell"), ("sql", "sql"), ("tsql", "tsql"), ("swift", "swift"),
    ("tf", "terraform"), ("tfvars", "terraform"), ("hcl", "terraform"), ("bicep", "azureresourcemanager"), ("toml", "toml"),
    ("ts", "ts"), ("tsx", "ts"), ("mts", "ts"), ("cts", "ts"), ("vb", "vbnet"), ("xml", "xml"), ("xsd", "xml"), ("xsl", "xml"),
    ("xslt", "xml"), ("csproj", "xml"), ("props", "xml"), ("targets", "xml"), ("yaml", "yaml"), ("yml", "yaml"), ("zig", "zig"),
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
    SUFFIXES.iter().find(|(known, _)| *known == suffix).map(|(_, language)| *language)
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
        let mut suffixes: Vec<_> = SUFFIXES.iter().map(|(suffix, _)| suffix).collect();
        suffixes.sort_unstable();
        suffixes.dedup();
        assert_eq!(suffixes.len(), SUFFIXES.len());
    }
}
