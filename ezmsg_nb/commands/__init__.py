"""The commands of ``ezmsg-nb``, one module each, with ``add_parser(commands)``."""
