//! What is noticed while files are read, told in one sentence for each kind and not in one for each file.

use crate::build_file::Built;
use crate::files::first_names;

/// What was noticed while the files were read; each kind becomes one warning.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) unreadable: Vec<String>,
    lossy: Vec<String>,
    uncommitted: Vec<String>,
    scm_errors: Vec<String>,
    behind_end: Vec<String>,
    pub(crate) adjusted_ranges: usize,
}

impl Notes {
    pub(crate) fn add(&mut self, built: &Built) {
        let path = &built.component.project_relative_path;
        if built.lossy {
            self.lossy.push(path.clone());
        }
        if built.uncommitted {
            self.uncommitted.push(path.clone());
        }
        if let Some(error) = &built.scm_error {
            self.scm_errors.push(format!("{path} ({error})"));
        }
        if built.lines_behind_end > 0 {
            self.behind_end.push(path.clone());
        }
        self.adjusted_ranges += built.adjusted_ranges;
    }

    pub(crate) fn finish(self) -> Vec<String> {
        let mut warnings: Vec<String> = [
            (self.unreadable, "files could not be read and were skipped"),
            (self.lossy, "files hold characters that do not fit their encoding (sonar.sourceEncoding)"),
            (self.uncommitted, "files are not committed, so it is not known who changed them when"),
            (self.scm_errors, "files have a history that git could not tell"),
            (self.behind_end, "files are shorter than a coverage report says; what is behind their end was skipped (is the report old?)"),
        ]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, what)| format!("{} {what}: {}", names.len(), first_names(&names)))
        .collect();
        if self.adjusted_ranges > 0 {
            let count = self.adjusted_ranges;
            warnings.push(format!("{count} places of issues do not fit the text of their files and were moved to the nearest line (is the report old?)"));
        }
        warnings
    }
}
