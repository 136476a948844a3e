"""The papermill pipeline and the papermill engine."""
