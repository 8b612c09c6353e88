"""Who sends the load: one caller with a JSON Web Token (RFC 9068) of RS256, good until 2100.

The private half of the key was thrown away once the token was signed: nobody can make another one.
"""

ISSUER, AUDIENCE, ROLE = "https://id.example/", "weir", "caller"
TOKEN = (
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6ImxvYWQifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUvIiwic"
    "3ViIjoiYWdlbnQtNzc3Nzc3Nzc3Nzc3Nzc3Nzc3IiwiYXVkIjoid2VpciIsImV4cCI6NDEwMjQ0NDgwMCwiaWF0IjoxNzY0Mjg4M"
    "DAwLCJyb2xlcyI6WyJjYWxsZXIiXSwic2NvcGUiOiJtY3A6dG9vbHMifQ.G2KO_zE-kNO-"
    "SAaw40PvkzKOFd5Bu0bYpd4QfH3WYXXIPdMu3fVKQG0GqcW6sTvHig76IkcR7JlXJZSSIolm12yeFFAY45n9Z9or4dzlKpBRC-i-"
    "EdnbBuzwRXSY5jtFiy7nL72gCY7K8ZPT6nl_8VvlrSrkxWn2Y1XtrryoW3q013sje5ctXHELX_iLwYDd81YETqm8O1oDvhHMrRTW"
    "ctD3QJzz1wrnSv-c3bVGipoc-B1fepFJzdL4B0aSJKNmYU_ZOJN0HWNWT-41rPKkYKj_FPquYV-"
    "Ph6LQHHIlyv0ijwH3L1dg9qchSD9Iq0hXCI9Oj0eAt0tekxMzXdH0Xg"
)
MODULUS = (
    "r1mvbv7w0Tv-PgLQT6FddGml6AAc1mfkxaX-j90jVDWfKEpAqhk_VoueEZQ-"
    "fNIj9EtVQeQBbBJxmvggjRk2EGal18ypnY6jO_ptRT-1YKWMirQjZJM8lnJbxGj1STwnZDLb_zGwmqw_E_pIif6x3MBFu7eR-"
    "qKEdEuP2FRWiyXIMP5E5hJ07iC-wfiB79nj0RvPTBLRHqY3FNd3fb1HMyM7TzbTJc7ENwavxyFNLgqnsybCUjpWRUa7D5irV4AbS"
    "n_MsqsbZgryIt7YiogIrgvq0X8_7S7TYJMxU-6MkPM3no30SY_0Nq_2kQ4sCWWFsBdodn0SVBLzEDYkCxZcQw"
)
KEY_SET = {"keys": [{"kty": "RSA", "alg": "RS256", "kid": "load", "n": MODULUS, "e": "AQAB"}]}
