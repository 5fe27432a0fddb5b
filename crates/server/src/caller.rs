//! Who calls, and what they may do.

use gatehook_domain::id::ProjectId;
use gatehook_domain::project::{Project, Visibility};
use gatehook_domain::user::{GlobalPermission, ProjectPermission, TokenKind, User};
use gatehook_store::{StoreError, Tx, permission};

use crate::error::ApiError;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Nobody, when the request shows no credentials.
    pub(crate) user: Option<User>,
    /// The reach of what they showed.
    pub(crate) reach: Reach,
}

/// How much of a user's rights the shown credentials carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of them.
    Whole,
    /// Analysing and creating projects.
    Analysis,
    /// Analysing one project.
    AnalysisOf(Option<ProjectId>),
}

impl Caller {
    /// Somebody who showed no credentials.
    pub(crate) const fn anonymous() -> Self {
        Self {
            user: None,
            reach: Reach::Whole,
        }
    }

    /// A user who showed a token, or a password when there is none.
    pub(crate) fn user(user: User, token: Option<(TokenKind, Option<ProjectId>)>) -> Self {
        let reach = match token {
            None | Some((TokenKind::User, _)) => Reach::Whole,
            Some((TokenKind::GlobalAnalysis, _)) => Reach::Analysis,
            Some((TokenKind::ProjectAnalysis, project)) => Reach::AnalysisOf(project),
        };
        Self {
            user: Some(user),
            reach,
        }
    }

    /// The caller's login.
    pub(crate) fn login(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.login.as_str())
    }

    /// The user who calls.
    pub(crate) fn require_login(&self) -> Result<&User, ApiError> {
        self.user.as_ref().ok_or(ApiError::AuthenticationRequired)
    }

    /// Whether the caller has a right over the whole system.
    pub(crate) fn has_global(&self, tx: &mut Tx<'_>, right: GlobalPermission) -> Result<bool, StoreError> {
        let carried = match self.reach {
            Reach::Whole => true,
            Reach::Analysis => matches!(right, GlobalPermission::Scan | GlobalPermission::Provisioning),
            Reach::AnalysisOf(_) => false,
        };
        Ok(carried && self.own_global(tx, right)?)
    }

    /// Whether the caller has a right over a project.
    pub(crate) fn has_project(
        &self,
        tx: &mut Tx<'_>,
        project: &Project,
        right: ProjectPermission,
    ) -> Result<bool, StoreError> {
        match &self.reach {
            Reach::Whole => self.own_project(tx, project, right),
            Reach::Analysis => Ok(false),
            Reach::AnalysisOf(only) => Ok(right == ProjectPermission::Scan
                && only.as_ref() == Some(&project.id)
                && (self.own_project(tx, project, right)? || self.own_global(tx, GlobalPermission::Scan)?)),
        }
    }

    /// Whether the caller may submit analyses of a project.
    pub(crate) fn may_scan(&self, tx: &mut Tx<'_>, project: &Project) -> Result<bool, StoreError> {
        Ok(self.has_project(tx, project, ProjectPermission::Scan)? || self.has_global(tx, GlobalPermission::Scan)?)
    }

    /// Refuses a caller who lacks a right over the whole system.
    pub(crate) fn require_global(&self, tx: &mut Tx<'_>, right: GlobalPermission) -> Result<(), ApiError> {
        let has = self.has_global(tx, right)?;
        self.require(has)
    }

    /// Refuses a caller who lacks a right over a project.
    pub(crate) fn require_project(
        &self,
        tx: &mut Tx<'_>,
        project: &Project,
        right: ProjectPermission,
    ) -> Result<(), ApiError> {
        let has = self.has_project(tx, project, right)?;
        self.require(has)
    }

    /// Refuses a caller who lacks what was looked up.
    pub(crate) fn require(&self, has: bool) -> Result<(), ApiError> {
        match (has, &self.user) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(ApiError::Forbidden),
            (false, None) => Err(ApiError::AuthenticationRequired),
        }
    }

    fn own_global(&self, tx: &mut Tx<'_>, right: GlobalPermission) -> Result<bool, StoreError> {
        Ok(permission::global_of(tx, self.user.as_ref().map(|user| &user.id))?.contains(&right))
    }

    fn own_project(&self, tx: &mut Tx<'_>, project: &Project, right: ProjectPermission) -> Result<bool, StoreError> {
        // Everybody may see a public project and its code, whatever was granted.
        let public = project.visibility == Visibility::Public
            && matches!(right, ProjectPermission::Browse | ProjectPermission::CodeViewer);
        if public {
            return Ok(true);
        }
        Ok(permission::project_of(tx, self.user.as_ref().map(|user| &user.id), &project.id)?.contains(&right))
    }
}
