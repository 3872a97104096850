"""``python -m kernel_runtime.host``: started by `kernel_runtime.host.launcher.GraphHost`."""

from .service import main

if __name__ == "__main__":
    main()
