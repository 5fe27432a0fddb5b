//! Which continuous integration runs the scan, and the revision it says it builds.

use crate::properties::Environment;

/// What one system sets: its name, a variable that gives it away, and where it puts the revision, best first.
struct System {
    name: &'static str,
    mark: &'static str,
    revisions: &'static [&'static str],
}

const SYSTEMS: &[System] = &[
    System {
        name: "Github Actions",
        mark: "GITHUB_ACTION",
        revisions: &["GITHUB_SHA"],
    },
    System {
        name: "Gitlab CI",
        mark: "GITLAB_CI",
        revisions: &["CI_COMMIT_SHA"],
    },
    System {
        name: "Jenkins",
        mark: "JENKINS_URL",
        revisions: &["ghprbActualCommit", "GIT_COMMIT", "SVN_COMMIT"],
    },
    System {
        name: "Azure DevOps",
        mark: "TF_BUILD",
        revisions: &["SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"],
    },
    System {
        name: "Travis CI",
        mark: "TRAVIS",
        revisions: &["TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"],
    },
    System {
        name: "CircleCI",
        mark: "CIRCLECI",
        revisions: &["CIRCLE_SHA1"],
    },
    System {
        name: "Bitbucket Pipelines",
        mark: "BITBUCKET_BUILD_NUMBER",
        revisions: &["BITBUCKET_COMMIT"],
    },
    System {
        name: "AppVeyor",
        mark: "APPVEYOR",
        revisions: &["APPVEYOR_PULL_REQUEST_HEAD_COMMIT", "APPVEYOR_REPO_COMMIT"],
    },
    System {
        name: "Buildkite",
        mark: "BUILDKITE",
        revisions: &["BUILDKITE_COMMIT"],
    },
    System {
        name: "Bamboo",
        mark: "bamboo_buildNumber",
        revisions: &["bamboo_planRepository_revision"],
    },
    System {
        name: "DroneCI",
        mark: "DRONE",
        revisions: &["DRONE_COMMIT_SHA"],
    },
    System {
        name: "SemaphoreCI",
        mark: "SEMAPHORE",
        revisions: &["SEMAPHORE_GIT_SHA"],
    },
    System {
        name: "TeamCity",
        mark: "TEAMCITY_VERSION",
        revisions: &["BUILD_VCS_NUMBER"],
    },
    System {
        name: "CirrusCI",
        mark: "CIRRUS_CI",
        revisions: &["CIRRUS_CHANGE_IN_REPO"],
    },
    System {
        name: "Codemagic",
        mark: "CM_BUILD_ID",
        revisions: &["CM_COMMIT"],
    },
    System {
        name: "AwsCodeBuild",
        mark: "CODEBUILD_BUILD_ID",
        revisions: &["CODEBUILD_RESOLVED_SOURCE_VERSION"],
    },
    System {
        name: "Bitrise",
        mark: "BITRISE_IO",
        revisions: &["BITRISE_GIT_COMMIT"],
    },
    System {
        name: "Woodpecker",
        mark: "CI_PIPELINE_FORGE_URL",
        revisions: &["CI_COMMIT_SHA"],
    },
];

/// What the environment says about the build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ci {
    /// Name of the system.
    pub name: Option<&'static str>,
    /// The revision that is built.
    pub revision: Option<String>,
}

/// Looks at the environment. A system that is not known may still have set one of the usual variables for the revision.
pub fn detect(env: &Environment) -> Ci {
    let system = SYSTEMS.iter().find(|system| env.get(system.mark).is_some());
    let usual: &[&str] = &["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION"];
    let revisions = system.map_or(usual, |system| system.revisions);
    let revision = revisions.iter().find_map(|name| env.get(name)).map(str::to_owned);
    Ci {
        name: system.map(|system| system.name),
        revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_known_by_its_variables() {
        let gitlab = detect(&Environment::from_iter([
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_SHA", "abc"),
        ]));
        assert_eq!(
            gitlab,
            Ci {
                name: Some("Gitlab CI"),
                revision: Some("abc".to_owned())
            }
        );
        let unknown = detect(&Environment::from_iter([("GIT_COMMIT", "def")]));
        assert_eq!(
            unknown,
            Ci {
                name: None,
                revision: Some("def".to_owned())
            }
        );
        assert_eq!(detect(&Environment::default()), Ci::default());
    }
}
