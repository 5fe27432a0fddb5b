//! What a report says about itself and its tree.

use std::collections::BTreeMap;

/// `metadata.pb`: what was analysed, when, and where the tree starts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metadata {
    /// When the analysis started, in milliseconds since 1970.
    #[prost(int64, tag = "1")]
    pub analysis_date: i64,
    /// Key of the project; must be the one the report was submitted for.
    #[prost(string, tag = "3")]
    pub project_key: String,
    /// Ref of the component the tree starts at.
    #[prost(int32, tag = "5")]
    pub root_component_ref: i32,
    /// Whether duplications across projects were asked for.
    #[prost(bool, tag = "6")]
    pub cross_project_duplication_activated: bool,
    /// Quality profiles in use, by language.
    #[prost(btree_map = "string, message", tag = "7")]
    pub qprofiles_per_language: BTreeMap<String, QProfile>,
    /// Analyzers in use, by key.
    #[prost(btree_map = "string, message", tag = "8")]
    pub plugins_by_key: BTreeMap<String, Plugin>,
    /// Name of the branch; empty means the main branch. For a pull request, the branch it comes from.
    #[prost(string, tag = "9")]
    pub branch_name: String,
    /// What `branch_name` is.
    #[prost(enumeration = "BranchType", tag = "10")]
    pub branch_type: i32,
    /// Branch that new code is compared with.
    #[prost(string, tag = "11")]
    pub reference_branch_name: String,
    /// Path from the root of the repository to the project's base.
    #[prost(string, tag = "12")]
    pub relative_path_from_scm_root: String,
    /// Revision that was analysed; empty if unknown.
    #[prost(string, tag = "13")]
    pub scm_revision_id: String,
    /// Key of the pull request; empty if it is none.
    #[prost(string, tag = "14")]
    pub pull_request_key: String,
    /// Version of the project.
    #[prost(string, tag = "16")]
    pub project_version: String,
    /// Free text about the build.
    #[prost(string, tag = "17")]
    pub build_string: String,
    /// Branch that a pull request goes to.
    #[prost(string, tag = "18")]
    pub target_branch_name: String,
    /// Branch that defines new code, given for this one analysis.
    #[prost(string, tag = "21")]
    pub new_code_reference_branch: String,
    /// Files that were indexed and analysed, by type.
    #[prost(btree_map = "string, int32", tag = "22")]
    pub analyzed_indexed_file_count_per_type: BTreeMap<String, i32>,
    /// Files that were indexed and not analysed, by type.
    #[prost(btree_map = "string, int32", tag = "23")]
    pub not_analyzed_indexed_file_count_per_type: BTreeMap<String, i32>,
}

/// A quality profile that was in use.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QProfile {
    /// Its key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its language.
    #[prost(string, tag = "3")]
    pub language: String,
    /// When its rules changed last, in milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub rules_updated_at: i64,
}

/// An analyzer that was in use.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Plugin {
    /// Its key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// When it was updated, in milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub updated_at: i64,
}

/// What kind of branch was analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum BranchType {
    /// Not said: the main branch.
    Unset = 0,
    /// A branch.
    Branch = 1,
    /// A pull request.
    PullRequest = 2,
}

/// `component-N.pb`: the project or one of its files.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Component {
    /// Number of the component in this report; names its other entries.
    #[prost(int32, tag = "1")]
    pub r#ref: i32,
    /// Name to show.
    #[prost(string, tag = "3")]
    pub name: String,
    /// What it is.
    #[prost(enumeration = "ComponentType", tag = "4")]
    pub r#type: i32,
    /// Whether it is a test file.
    #[prost(bool, tag = "5")]
    pub is_test: bool,
    /// Language of a file; empty if unknown.
    #[prost(string, tag = "6")]
    pub language: String,
    /// Refs of the children.
    #[prost(int32, repeated, tag = "7")]
    pub child_ref: Vec<i32>,
    /// Links of the project.
    #[prost(message, repeated, tag = "8")]
    pub link: Vec<ComponentLink>,
    /// Key; the project only.
    #[prost(string, tag = "10")]
    pub key: String,
    /// Lines of a file, at least 1.
    #[prost(int32, tag = "11")]
    pub lines: i32,
    /// Description of the project.
    #[prost(string, tag = "12")]
    pub description: String,
    /// How the file compares with the previous analysis.
    #[prost(enumeration = "FileStatus", tag = "13")]
    pub status: i32,
    /// Path relative to the project's base, with `/`.
    #[prost(string, tag = "14")]
    pub project_relative_path: String,
    /// Whether an analyzer skipped the file because it is unchanged.
    #[prost(bool, tag = "15")]
    pub marked_as_unchanged: bool,
    /// Path before the file was moved; empty if it was not.
    #[prost(string, tag = "16")]
    pub old_relative_file_path: String,
}

/// A link of a project.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ComponentLink {
    /// What it leads to.
    #[prost(enumeration = "ComponentLinkType", tag = "1")]
    pub r#type: i32,
    /// Address.
    #[prost(string, tag = "2")]
    pub href: String,
}

/// What a project's link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ComponentLinkType {
    /// Not said.
    Unset = 0,
    /// Home page.
    Home = 1,
    /// Repository.
    Scm = 2,
    /// Issue tracker.
    Issue = 4,
    /// Builds.
    Ci = 5,
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ComponentType {
    /// Not said.
    Unset = 0,
    /// The project.
    Project = 1,
    /// A module; only in reports of old scanners.
    Module = 2,
    /// A folder; only in reports of old scanners.
    Directory = 3,
    /// A file.
    File = 4,
}

/// How a file compares with the previous analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum FileStatus {
    /// Not known.
    Unavailable = 0,
    /// Unchanged.
    Same = 1,
    /// Changed.
    Changed = 2,
    /// New.
    Added = 3,
}

/// One of `context-props.pb`: a property that goes on to the webhook.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ContextProperty {
    /// Key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// One of `analysis-warnings.pb`: something the person who ran the scan should know.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AnalysisWarning {
    /// Text.
    #[prost(string, tag = "1")]
    pub text: String,
    /// When, in milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}
