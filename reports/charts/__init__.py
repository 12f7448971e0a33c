"""The report's charts: one module each, matplotlib SVG, made for the light and the dark page alike."""
