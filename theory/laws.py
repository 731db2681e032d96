"""The register of laws, gathered from the modules that state them."""

from theory import descent, moments, noise_scale, plateau, surge, tradeoff
from theory.law import Law

_MODULES = (moments, descent, noise_scale, plateau, surge, tradeoff)

LAWS: dict[str, Law] = {
    value.name: value
    for module in _MODULES
    for value in vars(module).values()
    if isinstance(value, Law)
}
