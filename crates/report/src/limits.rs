//! How much of a scanner report is read before it is refused.

/// Limits for reading one report. A report comes from outside, so everything that grows with it has an end; the defaults are far
/// above what real projects send and far below what would hurt the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most entries in the archive. Its directory is held in memory, some 400 bytes per entry.
    pub max_entries: usize,
    /// Most bytes one entry may expand to. The largest honest ones are sources; nobody reviews a source file of 64 MiB.
    pub max_entry_bytes: u64,
    /// Most bytes all reads together may expand to, so that many entries just below the limit of one cannot keep a worker busy.
    pub max_total_bytes: u64,
    /// How many times its compressed size an entry may expand to, once it is larger than `ratio_floor_bytes`. Deflate reaches 1032;
    /// source code and messages stay below 50.
    pub max_ratio: u64,
    /// Below this size the ratio is not looked at: short entries of equal lines compress well and harm nobody.
    pub ratio_floor_bytes: u64,
    /// Most bytes of an entry that is one message (metadata, component, changesets). Decoded, a message may be forty times as large.
    pub max_single_message_bytes: usize,
    /// Most bytes of one message in a stream of them.
    pub max_stream_message_bytes: usize,
    /// Most components (files and folders) in the tree.
    pub max_components: usize,
    /// Most issues of one component, external ones counted apart.
    pub max_issues_per_component: usize,
    /// Most messages in any other stream: coverage has one per line, rules one per rule.
    pub max_messages_per_stream: usize,
}

impl Limits {
    /// The default of [`Limits::max_entries`]: 100,000 files with five entries each.
    pub const MAX_ENTRIES: usize = 500_000;
    /// The default of [`Limits::max_entry_bytes`].
    pub const MAX_ENTRY_BYTES: u64 = 64 * 1024 * 1024;
    /// The default of [`Limits::max_total_bytes`].
    pub const MAX_TOTAL_BYTES: u64 = 8 * 1024 * 1024 * 1024;
    /// The default of [`Limits::max_ratio`].
    pub const MAX_RATIO: u64 = 200;
    /// The default of [`Limits::ratio_floor_bytes`].
    pub const RATIO_FLOOR_BYTES: u64 = 4 * 1024 * 1024;
    /// The default of [`Limits::max_single_message_bytes`]: a file of a million lines has changesets of about 3 MiB.
    pub const MAX_SINGLE_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
    /// The default of [`Limits::max_stream_message_bytes`]: the largest is a measure that lists lines, about 8 bytes for each.
    pub const MAX_STREAM_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
    /// The default of [`Limits::max_components`].
    pub const MAX_COMPONENTS: usize = 250_000;
    /// The default of [`Limits::max_issues_per_component`]: issues of unknown files are collected on the project, so one may have many.
    pub const MAX_ISSUES_PER_COMPONENT: usize = 200_000;
    /// The default of [`Limits::max_messages_per_stream`].
    pub const MAX_MESSAGES_PER_STREAM: usize = 2_000_000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: Self::MAX_ENTRIES,
            max_entry_bytes: Self::MAX_ENTRY_BYTES,
            max_total_bytes: Self::MAX_TOTAL_BYTES,
            max_ratio: Self::MAX_RATIO,
            ratio_floor_bytes: Self::RATIO_FLOOR_BYTES,
            max_single_message_bytes: Self::MAX_SINGLE_MESSAGE_BYTES,
            max_stream_message_bytes: Self::MAX_STREAM_MESSAGE_BYTES,
            max_components: Self::MAX_COMPONENTS,
            max_issues_per_component: Self::MAX_ISSUES_PER_COMPONENT,
            max_messages_per_stream: Self::MAX_MESSAGES_PER_STREAM,
        }
    }
}
