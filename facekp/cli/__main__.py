"""``python -m facekp.cli``: the command ``facekp``."""
import sys

from facekp.cli.commands import main

sys.exit(main())
