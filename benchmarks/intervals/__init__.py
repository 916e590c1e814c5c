"""Coverage, width and time of prediction intervals beside those of MAPIE around the same net."""
