"""The API's description, `/api/schema/`, which anybody may read.

To make it takes a few tenths of a second of a core, and it is the same for everybody as long as the process lives. So
it is made once, when it is first asked for, and kept as the bytes that are sent: a quarter of a megabyte of YAML, twice
that of JSON.
"""

from threading import Lock
from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# By format. Nothing else that is asked with changes a byte, so that nobody can have more of them made.
_rendered: dict[str, bytes] = {}
# While one request makes it, the others wait instead of making it as well.
_making = Lock()


class Schema(SpectacularAPIView):
    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer: BaseRenderer = request.accepted_renderer
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        return HttpResponse(
            self._made(renderer),
            content_type=f"{renderer.media_type}{charset}",
            headers={"Content-Disposition": f'inline; filename="Earshot.{renderer.format}"'},
        )

    def _made(self, renderer: BaseRenderer) -> bytes:
        if renderer.format not in _rendered:
            with _making:
                if renderer.format not in _rendered:
                    generator: Any = self.generator_class()
                    described = generator.get_schema(request=None, public=True)
                    _rendered[renderer.format] = cast("bytes", renderer.render(described, renderer.media_type))
        return _rendered[renderer.format]
