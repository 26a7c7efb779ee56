"""How good a model is: win rates, length-controlled win rates and Bradley-Terry ratings, with their intervals."""
