"""`python -m pipelines` is `checkouts`."""

from pipelines.cli import main

if __name__ == "__main__":
    main()
