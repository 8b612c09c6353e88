//! What operators may do, beside calling tools.

super::listed::listed! {
    /// A permission of the operators' side.
    Permission {
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
}
