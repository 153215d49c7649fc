"""What all tests share."""

from pathlib import Path

import hypothesis
import hypothesis.configuration

# A busy machine is no failure: no example is judged by the clock.
hypothesis.settings.register_profile("connector", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("connector")
hypothesis.configuration.set_hypothesis_home_dir(
    str(Path(__file__).parents[1] / ".cache" / "hypothesis")
)
