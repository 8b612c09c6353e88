//! What operators may do, beside calling tools.

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A permission of the operators' side.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$doc])* $name),* }

        impl Permission {
            /// All of them.
            pub const ALL: &[Permission] = &[$(Permission::$name),*];

            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Permission::$name => $text),* }
            }
        }
    };
}

permissions! {
    /// To ask for an assessment.
    RequestAssessment = "request:assessment";
    /// To decide on one.
    ApproveAssessment = "approve:assessment";
    /// To propose a remediation.
    ProposeRemediation = "propose:remediation";
    /// To decide on one.
    ApproveRemediation = "approve:remediation";
    /// To read what happened.
    ViewAuditLogs = "view:audit_logs";
    /// To change the system, or see more of it than its health.
    ManageSystem = "manage:system";
}

impl Permission {
    /// The permission that is written so.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text)
    }
}
