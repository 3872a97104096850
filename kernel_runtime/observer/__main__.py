"""``python -m kernel_runtime.observer``: started by `kernel_runtime.observer.tap.Tap`."""

from .service import main

if __name__ == "__main__":
    main()
