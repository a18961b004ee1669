"""One table of every loss; each entry inherits the whole contract.

``library`` is the loss as users call it, with one set of parameters. ``by_hand`` writes the same residual again, with
the parameters of everything that is stopped passed separately: equal values, and a gradient that equals the central
difference of ``by_hand`` in its first argument, say that exactly the right part is stopped.
"""

from tests.objectives import cases_categorical, cases_consistency, cases_eulerian, cases_lagrangian, cases_riemannian

CASES = (
    cases_lagrangian.CASES
    | cases_eulerian.CASES
    | cases_consistency.CASES
    | cases_riemannian.CASES
    | cases_categorical.CASES
)
