"""Plays a person without JavaScript: python3 walk.py AUTHORIZE_URL REDIRECT_URI EMAIL PASSWORD [allow|deny]

Opens the authorize URL, follows redirects, fills in the sign-in form, presses Allow (or Deny) on the consent page with
every default left as it is, and prints the callback URL that the browser would be sent to. Standard library only.
"""

import http.client
import http.cookies
import sys
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

# Seconds after which a walk that hangs fails; it measures nothing.
PATIENCE = 180
WORDS = {"allow": ("allow", "approve", "authorize"), "deny": ("deny", "cancel")}


class Forms(HTMLParser):
    """Every form of a page: action, method, the fields a browser would send, and its buttons."""

    def __init__(self):
        super().__init__()
        self.found, self.form, self.button, self.select = [], None, None, None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        name, value = attributes.get("name"), attributes.get("value", "")
        if tag == "form":
            self.form = {
                "action": attributes.get("action") or "",
                "method": (attributes.get("method") or "get").lower(),
                "fields": [],
                "buttons": [],
                "password": None,
                "login": None,
            }
        if self.form is None:
            return
        if tag == "input":
            kind = (attributes.get("type") or "text").lower()
            if kind == "submit":
                self.form["buttons"].append([name, value, value])
            elif kind in ("checkbox", "radio"):
                if "checked" in attributes and name:
                    self.form["fields"].append([name, attributes.get("value", "on")])
            elif name:
                self.form["fields"].append([name, value])
                if kind == "password":
                    self.form["password"] = name
                elif kind in ("text", "email") and not self.form["login"]:
                    self.form["login"] = name
        elif tag == "button" and (attributes.get("type") or "submit") == "submit":
            self.button = [name, value, ""]
            self.form["buttons"].append(self.button)
        elif tag == "select":
            self.select = [name, None]
        elif tag == "option" and self.select and (self.select[1] is None or "selected" in attributes):
            self.select[1] = value

    def handle_data(self, data):
        if self.button:
            self.button[2] += data

    def handle_endtag(self, tag):
        if tag == "button":
            self.button = None
        elif tag == "select" and self.form is not None and self.select:
            self.form["fields"].append(self.select)
            self.select = None
        elif tag == "form" and self.form is not None:
            self.found.append(self.form)
            self.form = None


class Browser:
    """Cookies by host, as browsers keep them: they do not know ports."""

    def __init__(self):
        self.cookies = {}

    def send(self, method, url, body=None):
        parts = urlsplit(url)
        if parts.scheme != "http":
            raise SystemExit(f"walk: this is left to real browsers: {url}")
        headers = {"User-Agent": "walk.py", "Accept": "text/html"}
        jar = self.cookies.setdefault(parts.hostname, {})
        if jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"{parts.scheme}://{parts.netloc}"
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers)
        reply = connection.getresponse()
        page = reply.read().decode("utf-8", "replace")
        for line in reply.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                jar[name] = morsel.value
        return reply.status, reply.headers.get("Location"), page


def press(form, words):
    """The form's fields with the button whose text holds one of the words; None if there is no such button."""
    for name, value, text in form["buttons"]:
        if any(word in text.lower() for word in words):
            return form["fields"] + ([[name, value]] if name else [])
    return None


def fill(page, email, password, decision):
    """The form that leads on, and what to send: sign-in first, then the decision."""
    forms = Forms()
    forms.feed(page)
    for form in forms.found:
        if form["password"]:
            typed = {form["login"]: email, form["password"]: password}
            fields = [[name, typed.get(name, value)] for name, value in form["fields"]]
            name, value, _ = form["buttons"][0]
            return form, fields + ([[name, value]] if name else [])
    for form in forms.found:
        fields = press(form, WORDS[decision])
        if fields is not None:
            return form, fields
    return None, None


def walk(url, redirect_uri, email, password, decision="allow"):
    browser = Browser()
    status, location, page = browser.send("GET", url)
    for _ in range(12):
        if location:
            url = urljoin(url, location)
            if url.startswith(redirect_uri):
                return url
            status, location, page = browser.send("GET", url)
            continue
        form, fields = fill(page, email, password, decision)
        if form is None:
            raise SystemExit(f"walk: {status} at {url}: no form to go on with:\n{page}")
        url = urljoin(url, form["action"])
        fields = urlencode([(name, value) for name, value in fields])
        if form["method"] == "post":
            status, location, page = browser.send("POST", url, fields)
        else:
            url = url.split("?")[0] + "?" + fields
            status, location, page = browser.send("GET", url)
    raise SystemExit("walk: the flow does not come to an end")


if __name__ == "__main__":
    print(walk(*sys.argv[1:]))
