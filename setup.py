from setuptools import find_namespace_packages, find_packages, setup

# The files of experiments/ are a package of the installed library: there, too, `facekp run` finds
# them. In the checkout they keep their folder beside it.
EXPERIMENTS = "facekp.experiments"

setup(
    packages=find_packages(include=["facekp", "facekp.*"]) + [EXPERIMENTS] + [
        f"{EXPERIMENTS}.{folder}"
        for folder in find_namespace_packages("experiments", exclude=["__pycache__*"])],
    package_dir={EXPERIMENTS: "experiments"},
)
