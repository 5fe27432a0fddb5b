//! The part of a SARIF 2.1.0 log that is used. Every member may be missing or null, as the format allows for nearly all of them.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct SarifLog {
    pub(super) version: Option<String>,
    pub(super) runs: Option<Vec<SarifRun>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifRun {
    pub(super) tool: Option<Tool>,
    pub(super) results: Option<Vec<SarifResult>>,
    pub(super) artifacts: Option<Vec<Artifact>>,
    pub(super) original_uri_base_ids: Option<BTreeMap<String, ArtifactLocation>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Option<ToolComponent>,
    pub(super) extensions: Option<Vec<ToolComponent>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolComponent {
    pub(super) name: Option<String>,
    pub(super) guid: Option<String>,
    pub(super) rules: Option<Vec<ReportingDescriptor>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReportingDescriptor {
    pub(super) id: Option<String>,
    pub(super) short_description: Option<Message>,
    pub(super) full_description: Option<Message>,
    pub(super) message_strings: Option<BTreeMap<String, Message>>,
    pub(super) default_configuration: Option<ReportingConfiguration>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReportingConfiguration {
    pub(super) level: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifResult {
    pub(super) rule_id: Option<String>,
    pub(super) rule_index: Option<i64>,
    pub(super) rule: Option<RuleReference>,
    pub(super) level: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) baseline_state: Option<String>,
    pub(super) message: Option<Message>,
    pub(super) locations: Option<Vec<SarifLocation>>,
    pub(super) related_locations: Option<Vec<SarifLocation>>,
    pub(super) stacks: Option<Vec<Stack>>,
    pub(super) code_flows: Option<Vec<CodeFlow>>,
    pub(super) suppressions: Option<Vec<Suppression>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleReference {
    pub(super) id: Option<String>,
    pub(super) index: Option<i64>,
    pub(super) tool_component: Option<ToolComponentReference>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolComponentReference {
    pub(super) index: Option<i64>,
    pub(super) name: Option<String>,
    pub(super) guid: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Suppression {
    pub(super) status: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) text: Option<String>,
    pub(super) markdown: Option<String>,
    pub(super) id: Option<String>,
    pub(super) arguments: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifLocation {
    pub(super) physical_location: Option<PhysicalLocation>,
    pub(super) message: Option<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhysicalLocation {
    pub(super) artifact_location: Option<ArtifactLocation>,
    pub(super) region: Option<Region>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArtifactLocation {
    pub(super) uri: Option<String>,
    pub(super) uri_base_id: Option<String>,
    pub(super) index: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) location: Option<ArtifactLocation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region {
    pub(super) start_line: Option<i64>,
    pub(super) start_column: Option<i64>,
    pub(super) end_line: Option<i64>,
    pub(super) end_column: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stack {
    pub(super) message: Option<Message>,
    pub(super) frames: Option<Vec<FlowStep>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeFlow {
    pub(super) message: Option<Message>,
    pub(super) thread_flows: Option<Vec<ThreadFlow>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ThreadFlow {
    pub(super) message: Option<Message>,
    pub(super) locations: Option<Vec<FlowStep>>,
}

/// A frame of a stack, or a location of a thread's flow.
#[derive(Debug, Deserialize)]
pub(super) struct FlowStep {
    pub(super) location: Option<SarifLocation>,
}
