"""Where theory and simulation meet: experiments, claims and their verdicts."""
