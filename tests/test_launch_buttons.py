"""Do the buttons of a page lead to the repository, wherever it is?"""

import pytest

import launch_buttons

GITHUB = "https://github.com/some/book"


@pytest.mark.parametrize(
    ("environ", "remote", "expected"),
    [
        ({}, "", None),
        ({}, "https://github.com/some/book.git", GITHUB),
        ({}, "https://github.com/some/book/", GITHUB),
        ({}, "git@github.com:some/book.git", GITHUB),
        ({}, "ssh://git@github.com/some/book.git\n", GITHUB),
        # A password in the address must not reach the pages.
        ({}, "https://me:secret@github.com/some/book.git", GITHUB),
        (
            {},
            "git@gitlab.com:group/sub/book.git",
            "https://gitlab.com/group/sub/book",
        ),
        # Nobody else could open these.
        ({}, "/home/me/book", None),
        ({}, "git@intranet:book.git", None),
        ({}, "https://github.com.example.org/some/book", None),
        (
            {
                "GITHUB_SERVER_URL": "https://github.com/",
                "GITHUB_REPOSITORY": "some/book",
            },
            "https://github.com/other/fork",
            GITHUB,
        ),
        ({"GITHUB_REPOSITORY": "some/book"}, "", None),
        (
            {"MADE_TO_MEASURE_REPOSITORY": " https://git.example.org/a/b.git "},
            GITHUB,
            "https://git.example.org/a/b",
        ),
        ({"MADE_TO_MEASURE_REPOSITORY": ""}, GITHUB, None),
    ],
)
def test_public_address_of_the_repository(environ, remote, expected):
    assert launch_buttons.public_address(environ, remote) == expected


def test_links_that_open_a_notebook():
    links = launch_buttons.launch_links(
        GITHUB, "book/a b.ipynb", "https://hub.example.org/"
    )
    assert dict(links) == {
        "Binder": "https://mybinder.org/v2/gh/some/book/main"
        "?urlpath=lab/tree/book/a%20b.ipynb",
        "Colab": "https://colab.research.google.com/github/some/book/blob/colab"
        "/book/a%20b.ipynb",
        "JupyterHub": "https://hub.example.org/hub/user-redirect/git-pull"
        "?repo=https%3A%2F%2Fgithub.com%2Fsome%2Fbook&branch=main"
        "&urlpath=lab%2Ftree%2Fbook%2Fbook%2Fa+b.ipynb",
    }


@pytest.mark.parametrize(
    ("repository", "binder"),
    [
        ("https://gitlab.com/a/b/c", "gl/a%2Fb%2Fc"),
        (
            "https://git.example.org/a/b",
            "git/https%3A%2F%2Fgit.example.org%2Fa",
        ),
    ],
)
def test_repository_elsewhere_has_no_button_for_colab(repository, binder):
    links = dict(launch_buttons.launch_links(repository, "book/one.ipynb"))
    assert set(links) == {"Binder"}
    assert f"/v2/{binder}" in links["Binder"]
