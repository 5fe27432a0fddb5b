//! Which continuous integration runs the scan, and the revision it says it builds.
//!
//! The names are those that SonarQube's scanner sends in `sonar.analysis.detectedci`, and a system is known by the same
//! variables as there, since receivers of webhooks compare the names and people know when theirs is detected.

use crate::properties::Environment;

/// A sign in the environment that a system runs the scan.
#[derive(Clone, Copy)]
enum Mark {
    /// The variable is set, to whatever.
    Set(&'static str),
    /// The variable has just this value.
    Says(&'static str, &'static str),
    /// The variable is `true`, in capitals or not: some systems write `True`.
    Affirms(&'static str),
}

impl Mark {
    fn is_in(self, env: &Environment) -> bool {
        match self {
            Self::Set(name) => env.get(name).is_some(),
            Self::Says(name, text) => env.get(name) == Some(text),
            Self::Affirms(name) => env.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true")),
        }
    }
}

use Mark::{Affirms, Says, Set};

/// What one system sets: its name, the variables that all together give it away, and where it puts the revision, best first.
struct System {
    name: &'static str,
    marks: &'static [Mark],
    revisions: &'static [&'static str],
}

impl System {
    fn is_in(&self, env: &Environment) -> bool {
        self.marks.iter().all(|mark| mark.is_in(env))
    }
}

const TRAVIS: &str = "TravisCI";
const JENKINS: &str = "Jenkins";

/// The systems that SonarQube's scanner knows.
const SYSTEMS: &[System] = &[
    System {
        name: "AppVeyor",
        marks: &[Affirms("CI"), Affirms("APPVEYOR")],
        revisions: &["APPVEYOR_REPO_COMMIT"],
    },
    System {
        // It says which version of its source it builds, which need not be a commit.
        name: "AwsCodeBuild",
        marks: &[Set("CODEBUILD_BUILD_ID"), Set("CODEBUILD_START_TIME")],
        revisions: &[],
    },
    System {
        name: "Azure DevOps",
        marks: &[Affirms("TF_BUILD")],
        revisions: &["SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"],
    },
    System {
        name: "Bamboo",
        marks: &[Set("bamboo_buildNumber")],
        revisions: &["bamboo_planRepository_revision"],
    },
    System {
        name: "Bitbucket Pipelines",
        marks: &[Says("CI", "true"), Set("BITBUCKET_COMMIT")],
        revisions: &["BITBUCKET_COMMIT"],
    },
    System {
        name: "Bitrise",
        marks: &[Affirms("CI"), Affirms("BITRISE_IO")],
        revisions: &["BITRISE_GIT_COMMIT"],
    },
    System {
        name: "Buildkite",
        marks: &[Says("CI", "true"), Says("BUILDKITE", "true")],
        revisions: &["BUILDKITE_COMMIT"],
    },
    System {
        name: "CircleCI",
        marks: &[Says("CI", "true"), Says("CIRCLECI", "true")],
        revisions: &["CIRCLE_SHA1"],
    },
    System {
        name: "CirrusCI",
        marks: &[Says("CIRRUS_CI", "true")],
        revisions: &["CIRRUS_CHANGE_IN_REPO"],
    },
    System {
        name: "CodeMagic",
        marks: &[Set("FCI_BUILD_ID")],
        revisions: &["FCI_COMMIT"],
    },
    System {
        name: "DroneCI",
        marks: &[Says("CI", "true"), Says("DRONE", "true")],
        revisions: &["DRONE_COMMIT_SHA"],
    },
    System {
        name: "Github Actions",
        marks: &[Set("GITHUB_ACTION")],
        revisions: &["GITHUB_SHA"],
    },
    System {
        name: "Gitlab CI",
        marks: &[Affirms("GITLAB_CI")],
        revisions: &["CI_COMMIT_SHA"],
    },
    System {
        // The URL alone is often set on machines that only talk to a Jenkins.
        name: JENKINS,
        marks: &[Set("JENKINS_URL"), Set("EXECUTOR_NUMBER")],
        revisions: &["ghprbActualCommit", "GIT_COMMIT", "SVN_COMMIT"],
    },
    System {
        name: "SemaphoreCI",
        marks: &[Says("SEMAPHORE", "true"), Set("SEMAPHORE_PROJECT_ID")],
        revisions: &["SEMAPHORE_GIT_SHA"],
    },
    System {
        name: TRAVIS,
        marks: &[Says("CI", "true"), Says("TRAVIS", "true")],
        revisions: &["TRAVIS_COMMIT"],
    },
];

/// Systems that SonarQube's scanner does not know, or not any more by these variables. They are looked for only when none
/// of the others is there, so that they change nothing where SonarQube knows an answer.
const MORE_SYSTEMS: &[System] = &[
    System {
        name: "CodeMagic",
        marks: &[Set("CM_BUILD_ID")],
        revisions: &["CM_COMMIT"],
    },
    System {
        // Its agents often have no repository, only the files, so that nobody else knows the revision.
        name: "TeamCity",
        marks: &[Set("TEAMCITY_VERSION")],
        revisions: &["BUILD_VCS_NUMBER"],
    },
    System {
        name: "VelaCI",
        marks: &[Says("CI", "vela")],
        revisions: &["VELA_BUILD_COMMIT"],
    },
    System {
        name: "Woodpecker",
        marks: &[Says("CI", "woodpecker")],
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

/// The environment says that several systems run the scan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment has the variables of several CI systems ({}): unset those that do not belong there, or set \
     sonar.ci.autoconfig.disabled=true and sonar.scm.revision",
    .0.join(", ")
)]
pub struct SeveralCis(Vec<&'static str>);

/// Looks at the environment. `commit_of` gives the commit that a reference of the Git repository points to.
///
/// SonarQube's scanner refuses an environment of several systems instead of choosing: any choice could name a wrong revision.
pub fn detect(env: &Environment, commit_of: impl FnOnce(&str) -> Option<String>) -> Result<Ci, SeveralCis> {
    let found: Vec<&System> = SYSTEMS.iter().filter(|system| system.is_in(env)).collect();
    let system = match found[..] {
        [] => MORE_SYSTEMS.iter().find(|system| system.is_in(env)),
        [system] => Some(system),
        _ => return Err(SeveralCis(found.iter().map(|system| system.name).collect())),
    };
    let Some(system) = system else {
        return Ok(Ci::default());
    };
    let revisions = system.revisions.iter().find_map(|name| env.get(name));
    let revision = match system.name {
        TRAVIS if env.get("TRAVIS_PULL_REQUEST").is_some_and(|number| number != "false") => {
            env.get("TRAVIS_PULL_REQUEST_SHA").map(str::to_owned)
        }
        JENKINS => head_of_change_request(env, commit_of).or_else(|| revisions.map(str::to_owned)),
        _ => revisions.map(str::to_owned),
    };
    Ok(Ci {
        name: Some(system.name),
        revision,
    })
}

/// The commit that a change request brought to a multibranch pipeline of Jenkins. `GIT_COMMIT` may be one that Jenkins made
/// itself, merging it, and that nobody else knows.
fn head_of_change_request(env: &Environment, commit_of: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    if env.get("ghprbActualCommit").is_some() {
        return None;
    }
    env.get("GIT_COMMIT")?;
    env.get("CHANGE_ID")?;
    commit_of(&format!("refs/remotes/origin/{}", env.get("GIT_BRANCH")?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn environment(variables: &str) -> Environment {
        variables
            .split_whitespace()
            .map(|variable| variable.split_once('=').unwrap())
            .collect()
    }

    fn detected(variables: &str) -> Ci {
        detect(&environment(variables), |_| None).unwrap()
    }

    /// The variables that give each system away, those of its revision, and what comes of them.
    #[rstest]
    #[case::appveyor("CI=True APPVEYOR=True", "APPVEYOR_REPO_COMMIT=r", "AppVeyor")]
    #[case::azure("TF_BUILD=True", "BUILD_SOURCEVERSION=r", "Azure DevOps")]
    #[case::azure_pull_request(
        "TF_BUILD=True",
        "BUILD_SOURCEVERSION=merge SYSTEM_PULLREQUEST_SOURCECOMMITID=r",
        "Azure DevOps"
    )]
    #[case::bamboo("bamboo_buildNumber=7", "bamboo_planRepository_revision=r", "Bamboo")]
    #[case::bitrise("CI=true BITRISE_IO=true", "BITRISE_GIT_COMMIT=r", "Bitrise")]
    #[case::buildkite("CI=true BUILDKITE=true", "BUILDKITE_COMMIT=r", "Buildkite")]
    #[case::circle("CI=true CIRCLECI=true", "CIRCLE_SHA1=r", "CircleCI")]
    #[case::cirrus("CIRRUS_CI=true", "CI=true CIRRUS_CHANGE_IN_REPO=r", "CirrusCI")]
    #[case::codemagic("FCI_BUILD_ID=7", "FCI_COMMIT=r", "CodeMagic")]
    #[case::codemagic_of_today("CM_BUILD_ID=7", "CM_COMMIT=r", "CodeMagic")]
    #[case::codemagic_with_both("FCI_BUILD_ID=7", "FCI_COMMIT=r CM_BUILD_ID=7 CM_COMMIT=r", "CodeMagic")]
    #[case::drone("CI=true DRONE=true", "DRONE_COMMIT_SHA=r", "DroneCI")]
    #[case::github("GITHUB_ACTION=run", "CI=true GITHUB_SHA=r", "Github Actions")]
    #[case::gitlab("GITLAB_CI=true", "CI=true CI_COMMIT_SHA=r", "Gitlab CI")]
    #[case::jenkins("JENKINS_URL=x EXECUTOR_NUMBER=0", "GIT_COMMIT=r", "Jenkins")]
    #[case::jenkins_subversion("JENKINS_URL=x EXECUTOR_NUMBER=0", "SVN_COMMIT=r", "Jenkins")]
    #[case::jenkins_pull_request("JENKINS_URL=x EXECUTOR_NUMBER=0", "GIT_COMMIT=merge ghprbActualCommit=r", "Jenkins")]
    #[case::semaphore(
        "SEMAPHORE=true SEMAPHORE_PROJECT_ID=7",
        "CI=true SEMAPHORE_GIT_SHA=r",
        "SemaphoreCI"
    )]
    #[case::travis("CI=true TRAVIS=true", "TRAVIS_PULL_REQUEST=false TRAVIS_COMMIT=r", "TravisCI")]
    #[case::travis_pull_request(
        "CI=true TRAVIS=true",
        "TRAVIS_PULL_REQUEST=7 TRAVIS_COMMIT=merge TRAVIS_PULL_REQUEST_SHA=r",
        "TravisCI"
    )]
    #[case::teamcity("TEAMCITY_VERSION=2026", "BUILD_VCS_NUMBER=r", "TeamCity")]
    #[case::vela("CI=vela", "VELA_BUILD_COMMIT=r", "VelaCI")]
    #[case::woodpecker("CI=woodpecker", "CI_COMMIT_SHA=r", "Woodpecker")]
    fn a_system_is_known_by_all_its_marks_together(
        #[case] marks: &str,
        #[case] revision: &str,
        #[case] name: &'static str,
    ) {
        let expected = Ci {
            name: Some(name),
            revision: Some("r".to_owned()),
        };
        assert_eq!(detected(&format!("{marks} {revision}")), expected);
        let without_revision = Ci {
            name: Some(name),
            revision: None,
        };
        assert_eq!(detected(marks), without_revision);
        for missing in marks.split_whitespace() {
            let others: Vec<_> = marks.split_whitespace().filter(|mark| *mark != missing).collect();
            let blank = format!("{} {}=", others.join(" "), missing.split_once('=').unwrap().0);
            assert_eq!(
                detected(&format!("{blank} {}", revision.replace("CM_BUILD_ID=7", ""))),
                Ci::default(),
                "without {missing}"
            );
        }
    }

    #[test]
    fn bitbucket_is_known_by_its_revision() {
        let expected = Ci {
            name: Some("Bitbucket Pipelines"),
            revision: Some("r".to_owned()),
        };
        assert_eq!(detected("CI=true BITBUCKET_COMMIT=r"), expected);
        assert_eq!(detected("CI=true BITBUCKET_BUILD_NUMBER=7"), Ci::default());
        assert_eq!(detected("BITBUCKET_COMMIT=r"), Ci::default());
    }

    #[test]
    fn codebuild_names_no_revision() {
        let marks = "CODEBUILD_BUILD_ID=7 CODEBUILD_START_TIME=7";
        let expected = Ci {
            name: Some("AwsCodeBuild"),
            revision: None,
        };
        assert_eq!(
            detected(&format!("{marks} CODEBUILD_RESOLVED_SOURCE_VERSION=r")),
            expected
        );
        assert_eq!(detected("CODEBUILD_BUILD_ID=7"), Ci::default());
    }

    #[rstest]
    #[case::gitlab("GITLAB_CI=false CI_COMMIT_SHA=r")]
    #[case::travis("CI=true TRAVIS=1 TRAVIS_COMMIT=r")]
    #[case::only_a_revision("CI=true GIT_COMMIT=r CI_COMMIT_SHA=r GITHUB_SHA=r BUILD_SOURCEVERSION=r")]
    #[case::nothing("")]
    fn no_other_environment_is_one_of_a_ci(#[case] variables: &str) {
        assert_eq!(detected(variables), Ci::default());
    }

    #[test]
    fn a_change_request_in_jenkins_is_named_by_its_own_commit_not_by_the_merge() {
        let change = environment("JENKINS_URL=x EXECUTOR_NUMBER=0 GIT_COMMIT=merge CHANGE_ID=7 GIT_BRANCH=PR-7");
        let ci = detect(&change, |reference| Some(format!("head of {reference}"))).unwrap();
        assert_eq!(ci.revision.as_deref(), Some("head of refs/remotes/origin/PR-7"));
        let ci = detect(&change, |_| None).unwrap();
        assert_eq!(ci.revision.as_deref(), Some("merge"), "a reference that is not there");
        let branch = environment("JENKINS_URL=x EXECUTOR_NUMBER=0 GIT_COMMIT=r GIT_BRANCH=main");
        let ci = detect(&branch, |_| panic!("a branch is not asked for")).unwrap();
        assert_eq!(ci.revision.as_deref(), Some("r"));
    }

    #[test]
    fn several_systems_at_once_are_refused_by_name() {
        let both = environment("CIRRUS_CI=true JENKINS_URL=x EXECUTOR_NUMBER=0 TEAMCITY_VERSION=2026");
        assert_eq!(detect(&both, |_| None), Err(SeveralCis(vec!["CirrusCI", "Jenkins"])));
        // One that SonarQube's scanner does not know stands back.
        let one = environment("GITLAB_CI=true CI_COMMIT_SHA=r TEAMCITY_VERSION=2026 BUILD_VCS_NUMBER=other");
        let expected = Ci {
            name: Some("Gitlab CI"),
            revision: Some("r".to_owned()),
        };
        assert_eq!(detect(&one, |_| None), Ok(expected));
    }
}
