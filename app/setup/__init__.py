"""The Train page: five steps from a model and a file to a run that has started."""
