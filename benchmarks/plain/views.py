import uuid
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.files.storage import default_storage
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from benchmarks.plain.models import Upload


@csrf_exempt
@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    sound: Any = request.FILES["audio_chunk"]
    name = default_storage.save(f"benchmark-plain/{uuid.uuid4()}.ogg", sound)
    Upload._default_manager.create(name=name, size=sound.size)
    return JsonResponse({"s3_key": name}, status=201)


urlpatterns = [path("upload", upload)]
application = get_asgi_application()
by_wsgi = get_wsgi_application()
