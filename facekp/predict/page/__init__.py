"""The page that finds keypoints in the browser: what it is made of, and how it is served.

``site/`` holds the page itself. It computes what :mod:`facekp.predict` computes, with the same two
nets and the numbers of :func:`facekp.predict.page.build.settings`; nothing leaves the browser.
"""
