"""ipywidgets forms and magics for notebooks."""
