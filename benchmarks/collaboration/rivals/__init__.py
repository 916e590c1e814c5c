"""All methods of collaboration beside independent networks, gradient boosting and cleanlab's ranking, on eight sets."""
