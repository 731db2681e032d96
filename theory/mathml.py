def mathml(expr):  # placeholder until the printer below is written
    return str(expr)
