"""What it means: charts and pages, made from stored results alone."""
