from rest_framework import serializers


class TicketSerializer(serializers.Serializer[dict[str, str]]):
    ticket = serializers.CharField(read_only=True)
