//! Roles (角色) and assurance levels.

use crate::coded_enum;

coded_enum! {
    /// What a person may act as. A grant gives it for a unit or body and reaches the subtree.
    pub enum Role {
        /// Every signed-in person.
        Talent => "TALENT",
        /// Acts for a talent under a mandate.
        Agent => "AGENT",
        /// Window staff (窗口人员): receives, accepts, delivers.
        WindowOfficer => "WINDOW_OFFICER",
        /// Reviews accepted cases (审查).
        Reviewer => "REVIEWER",
        /// Decides cases (决定).
        Approver => "APPROVER",
        /// Leads a unit; gives a case that an officer has claimed back to the queue.
        Supervisor => "SUPERVISOR",
        /// Checks cards and records uses of benefits.
        Counter => "COUNTER",
        /// Confirms employment on behalf of an employer.
        EmployerConfirmer => "EMPLOYER_CONFIRMER",
        /// Runs recruitment for an institution.
        Recruiter => "RECRUITER",
        /// Examines candidates.
        Examiner => "EXAMINER",
        /// Recognises qualifications.
        Assessor => "ASSESSOR",
        /// Reads figures.
        Manager => "MANAGER",
        /// System administration (系统管理): bodies, units, invitations.
        SystemAdmin => "SYSTEM_ADMIN",
        /// Security administration (安全管理): grants.
        SecurityAdmin => "SECURITY_ADMIN",
        /// Audit administration (审计管理): reads the trail, changes nothing.
        AuditAdmin => "AUDIT_ADMIN",
    }
}

impl Role {
    /// Staff and administrators, who need a second factor.
    pub const fn is_staff(self) -> bool {
        !matches!(self, Self::Talent | Self::Agent)
    }

    /// One of the three administrators, who are three people (三员分立).
    pub const fn is_administrator(self) -> bool {
        matches!(self, Self::SystemAdmin | Self::SecurityAdmin | Self::AuditAdmin)
    }
}

coded_enum! {
    /// How surely the portal knows who a person is. Higher is surer (`Ord`).
    pub enum Assurance {
        /// A contact point was confirmed.
        L1 => "L1",
        /// An officer compared an original identity document.
        L2 => "L2",
        /// L2 and a second factor.
        L3 => "L3",
    }
}
