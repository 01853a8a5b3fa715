"""django-oauth-toolkit on PostgreSQL: no middleware, the client's secret kept in plain, connections kept open.

`python app.py CHAINS COUNT` makes the tables and writes COUNT chains; gunicorn serves `app:application`.
"""

import datetime
import json
import os
import sys
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="app",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    MIDDLEWARE=[],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": url.hostname,
            "PORT": url.port,
            "USER": url.username,
            "PASSWORD": unquote(url.password or ""),
            "NAME": url.path[1:],
            "CONN_MAX_AGE": None,
        }
    },
    OAUTH2_PROVIDER={"SCOPES": {"read": "Read"}, "ROTATE_REFRESH_TOKEN": True, "PKCE_REQUIRED": False},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from oauth2_provider.views import IntrospectTokenView, TokenView  # noqa: E402

urlpatterns = [path("token", TokenView.as_view()), path("introspect", IntrospectTokenView.as_view())]
application = get_wsgi_application()


def seed(file, count):
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application, RefreshToken

    call_command("migrate", verbosity=0)
    client = {"client_id": "bench", "client_secret": "bench-secret-0123456789abcdef"}
    kind = {"client_type": Application.CLIENT_CONFIDENTIAL, "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE}
    uris = {"redirect_uris": "https://bench.example/callback", "hash_client_secret": False}
    app = Application.objects.create(name="bench", **client, **kind, **uris)
    # A second application: one of them has one kind of grant.
    machine = {**client, "client_id": "bench-machine"}
    kind["authorization_grant_type"] = Application.GRANT_CLIENT_CREDENTIALS
    Application.objects.create(name="bench-machine", **machine, **kind, **uris)
    User.objects.bulk_create([User(username=f"user-{n}") for n in range(count)])
    expires = timezone.now() + datetime.timedelta(days=30)
    with open(file + ".new", "w") as out:
        for number, user in enumerate(User.objects.order_by("id")):
            access = AccessToken.objects.create(
                user=user, application=app, token=f"access-{number:027}", expires=expires, scope="read"
            )
            refresh = RefreshToken.objects.create(
                user=user, application=app, token=f"refresh-{number:026}", access_token=access
            )
            tokens = {"access": access.token, "refresh": refresh.token, "spent": "", "pending": ""}
            out.write(json.dumps({**client, **tokens}) + "\n")
    os.rename(file + ".new", file)


if __name__ == "__main__":
    seed(sys.argv[1], int(sys.argv[2]))
