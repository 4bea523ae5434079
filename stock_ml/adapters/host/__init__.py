"""What this machine offers: Java, free ports."""

from stock_ml.adapters.host.jvm import java, java_home, java_version

__all__ = ["java", "java_home", "java_version"]
