//! Messages of the web service that takes reports.

/// Answer of `api/ce/submit` to callers that accept protobuf.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SubmitResponse {
    /// Id of the background task.
    #[prost(string, tag = "1")]
    pub task_id: String,
    /// Id of the project, which is its key for all that scanners do with it.
    #[prost(string, tag = "2")]
    pub project_id: String,
}
